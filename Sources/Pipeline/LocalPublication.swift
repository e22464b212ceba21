import Artifacts
import Failures
import JSON

extension Action {
  /// Where on this machine something is gone that a receipt of this action says was published; nil when all is there.
  /// What lies elsewhere is not asked for: a run with nothing to do needs no network.
  func missingPublication(_ receipt: Artifact) -> String? {
    guard let destination = preimage.parameters["to"]?.stringValue else { return nil }
    let parts = destination.split(separator: ":", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return nil }
    let path = parts[1].hasPrefix("/") ? parts[1] : call.directory + "/" + parts[1]
    switch parts[0] {
    case "file": return Files.exists(path) ? nil : path
    case "dir":
      let files = try? receipt.section.field("published").field("files").elements()
      let names = (files ?? []).compactMap { try? $0.field("path").string() }
      return names.map { path + "/" + $0 }.first { !Files.exists($0) }
    default: return nil
    }
  }
}
