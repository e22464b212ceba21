import DataFormats
import Failures
import JSON
import TestSupport

/// The rows of a file as JSON, texts as strings, and where each stands.
struct Read {
  private(set) var rows: [JSON] = []
  private(set) var places: [String] = []
  private(set) var members: [String] = []

  init(_ path: String, columns: [String] = ["text"], separator: String? = nil) throws {
    let file = try DataFile(path)
    let options = DataMember.Options(textSeparator: separator, columns: columns)
    var (rows, places, members): ([JSON], [String], [String]) = ([], [], [])
    try file.forEachMember { member throws(Failure) in
      members.append(member.path)
      try member.forEachRow(options) { row throws(Failure) in
        places.append(row.place)
        switch try row.parsed() {
        case .text(let text): rows.append(.string(String(decoding: text, as: UTF8.self)))
        case .object(let cursor): rows.append(cursor.value)
        }
      }
      guard member.bytesRead() <= file.byteCount else { throw Failure(.internal, "progress beyond the end") }
    }
    (self.rows, self.places, self.members) = (rows, places, members)
  }
}

/// A fixture of this target.
func fixture(_ name: String) -> String {
  let here = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
  return "\(here)/Fixtures/\(name)"
}

/// The message of the failure that reading a file gives, without the directory.
func message(_ path: String, columns: [String] = ["text"], separator: String? = nil) -> String {
  do {
    return "read \(try Read(path, columns: columns, separator: separator).rows.count) rows"
  } catch let failure as Failure {
    let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    let message = failure.message.replacing(directory + "/", with: "")
    return failure.kind == .badData ? message : "\(failure.kind): \(message)"
  } catch { return "\(error)" }
}
