import Artifacts
import Failures
import JSON

extension Action {
  /// What no longer lies on this machine as a receipt of this action says; nil when all of it does.
  /// What lies elsewhere is not asked for: a run with nothing to do needs no network.
  ///
  /// - Parameter verification: whether files whose identity the memo knows are read again.
  func lostPublication(
    _ receipt: Artifact, verify verification: Artifact.Verification, memo: DigestMemo
  ) -> RerunReason? {
    guard let destination = preimage.parameters["to"]?.stringValue else { return nil }
    let parts = destination.split(separator: ":", maxSplits: 1).map(String.init)
    guard parts.count == 2, ["dir", "file"].contains(parts[0]) else { return nil }
    let place = Files.path(parts[1], in: call.directory)
    for file in (try? Self.published(receipt)) ?? [] {
      let path = parts[0] == "dir" ? place + "/" + file.path : place
      guard Files.exists(path) else { return .publicationLost(path) }
      let digest = verification == .always ? try? Digest.sha256(ofFile: path) : try? memo.digest(ofFile: path)
      guard digest == file.sha256 else { return .publicationChanged(path) }
    }
    return nil
  }

  private static func published(_ receipt: Artifact) throws(Failure) -> [(path: String, sha256: Digest?)] {
    try receipt.section.field("published").field("files").elements().map { file throws(Failure) in
      (try file.field("path").string(), Digest(hex: try file.field("sha256").string()))
    }
  }
}
