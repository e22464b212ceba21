import Failures
import JSON

/// The tokens of a model and their ids.
struct Vocabulary: Sendable {
  /// More ids than any model has; keeps a hostile file from asking for memory.
  static let maximumCount = 1 << 24

  private var table: ByteTable
  /// The id of each entry of the table.
  private var ids: [Int32]
  /// The entry of each id, or -1.
  private var entries: [Int32]

  /// Reads an object of token → id.
  init(_ cursor: JSONCursor) throws(Failure) {
    guard let members = cursor.value.objectValue?.members else { throw cursor.failure("expected an object") }
    table = ByteTable(capacity: members.count)
    ids = []
    entries = []
    for (token, value) in members {
      guard let id = value.integerValue, (0..<Self.maximumCount).contains(id) else {
        throw try cursor.field(token).failure("expected a token id from 0 to \(Self.maximumCount - 1)")
      }
      guard self.token(of: Int32(id)) == nil else {
        throw try cursor.field(token).failure("the id \(id) belongs to two tokens")
      }
      let key = Array(token.utf8)
      guard let entry = table.insert(key.span) else { continue }  // the parser refuses keys that appear twice
      ids.append(Int32(id))
      while entries.count <= id { entries.append(-1) }
      entries[id] = Int32(entry)
    }
  }

  /// One more than the highest id.
  var idLimit: Int { entries.count }

  func id(of token: Span<UInt8>) -> Int32? { table.entry(of: token).map { ids[$0] } }

  func token(of id: Int32) -> ArraySlice<UInt8>? {
    guard id >= 0, id < entries.count, entries[Int(id)] >= 0 else { return nil }
    return table.key(of: Int(entries[Int(id)]))
  }
}
