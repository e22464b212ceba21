package import Failures

/// A file that a stage reads, as it was when its content was looked at.
package struct FrozenFile: Sendable {
  package let path: String
  package let identity: FileIdentity

  package init(path: String, identity: FileIdentity) { (self.path, self.identity) = (path, identity) }

  /// - Throws: `Failure.badData` naming the file when it was written to, replaced or removed since.
  package func requireUnchanged() throws(Failure) {
    guard case .file(let now) = try FileStatus(path, followingLinks: true), now == identity else {
      throw Self.changed(path)
    }
  }

  package static func changed(_ path: String) -> Failure {
    Failure(
      .badData, "\(path) changed while the stage ran, so its result is not kept",
      hint: "run again when nothing writes to it; the stage itself may not do so either")
  }
}
