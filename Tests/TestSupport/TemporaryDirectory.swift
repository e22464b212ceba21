import FoundationEssentials

/// `Tests/Fixtures/adapters/CASE`, whose `model` folders transformers wrote.
package func fixture(_ path: String) -> String { fixture(path, of: "adapters") }

/// A path in one of the folders under `Tests/Fixtures`.
package func fixture(_ path: String, of kind: String) -> String {
  let here = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(
    separator: "/")
  return "\(here)/Fixtures/\(kind)/\(path)"
}

/// A directory that goes away with its owner.
package final class TemporaryDirectory {
  package let path: String

  package init() throws {
    path = FileManager.default.temporaryDirectory.path + "/randlora-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file of that name and returns its path.
  package func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"))
    return "\(path)/\(name)"
  }

  package func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }
}
