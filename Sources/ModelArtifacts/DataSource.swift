package import Artifacts
package import Failures
import JSON

/// A data file that a dataset is made from, as its manifest lists it.
package struct DataSource: Sendable {
  package let path: String
  package let bytes: Int
  package let sha256: Digest

  /// - Throws: `Failure.missingInput` when there is no such file.
  package init(_ path: String) throws(Failure) {
    self.path = path
    bytes = try Files.size(of: path)
    sha256 = try DigestMemo.standard.digest(ofFile: path)
  }

  /// The file's name without its directory: a manifest must not depend on where the data lies.
  var name: String { path.split(separator: "/").last.map(String.init) ?? path }

  /// Makes sure that the rows come from what was hashed.
  ///
  /// - Throws: `Failure.badData` when the file is another one now.
  package func checkUnchanged() throws(Failure) {
    guard try DigestMemo.standard.digest(ofFile: path) == sha256 else {
      throw Failure(
        .badData, "\(path) changed while it was read", hint: "run again when nothing writes to it")
    }
  }

  func json(rows: Int) -> JSON {
    ["name": .string(name), "bytes": .integer(bytes), "sha256": .string(sha256.hex), "rows": .integer(rows)]
  }
}
