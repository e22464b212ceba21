import Failures
import JSON

/// Where the files of a base lie on this machine: `location.json`, outside the digest.
///
///     {"files": {"model.safetensors": "/home/me/models/tiny/model.safetensors", …}}
struct FileLocations: Sendable {
  static let fileName = "location.json"

  private(set) var paths: [ByteString: String] = [:]

  init() {}

  subscript(file: String) -> String? {
    get { paths[ByteString(file)] }
    set { paths[ByteString(file)] = newValue }
  }

  /// - Throws: `Failure.badData` at a file that the manifest does not list, or at a path that is not absolute.
  init(_ document: JSONDocument, for manifest: Manifest) throws(Failure) {
    try document.cursor.allowOnly(["files"])
    for (file, cursor) in try document.cursor.field("files").members() {
      guard manifest.file(file) != nil else {
        throw cursor.failure("\(Manifest.fileName) lists no file '\(file)'")
      }
      let path = try cursor.string()
      guard path.hasPrefix("/"), !path.utf8.contains(0) else {
        throw cursor.failure("'\(path)' is not absolute")
      }
      self[file] = path
    }
  }

  var text: String {
    var files = JSONObject()
    for file in paths.keys.sorted(by: { $0.string.utf8.lexicographicallyPrecedes($1.string.utf8) }) {
      files[file.string] = paths[file].map { .string($0) }
    }
    return JSON.object(["files": .object(files)]).text() + "\n"
  }
}
