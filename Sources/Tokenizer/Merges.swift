import Failures
import JSON

/// Which pairs of tokens become one, and which pair goes first.
struct Merges: Sendable {
  struct Merge: Sendable {
    /// The lower, the earlier.
    let rank: UInt32
    /// The token that takes the place of the pair.
    let id: Int32
  }

  private var merges: [UInt64: Merge] = [:]

  /// Reads the list of pairs, written as `"a b"` or `["a", "b"]`.
  ///
  /// - Parameter prefixLength: bytes of `continuing_subword_prefix`, which the right token loses in the merged one.
  init(_ cursor: JSONCursor, vocabulary: Vocabulary, prefixLength: Int) throws(Failure) {
    guard let list = cursor.value.arrayValue else { throw cursor.failure("expected an array") }
    merges.reserveCapacity(list.count)
    for (index, value) in list.enumerated() {
      do {
        try add(value, rank: UInt32(index), vocabulary, prefixLength)
      } catch {
        throw try cursor.elements()[index].failure(error.what)
      }
    }
  }

  struct Wrong: Error { let what: String }

  private mutating func add(
    _ value: JSON, rank: UInt32, _ vocabulary: Vocabulary, _ prefixLength: Int
  ) throws(Wrong) {
    let (left, right) = try Self.pair(value)
    guard let leftID = vocabulary.id(of: left.span) else { throw Self.unknown(left) }
    guard let rightID = vocabulary.id(of: right.span) else { throw Self.unknown(right) }
    let merged = left + right.dropFirst(prefixLength)
    guard let id = vocabulary.id(of: merged.span) else { throw Self.unknown(merged) }
    merges[Self.key(leftID, rightID)] = Merge(rank: rank, id: id)
  }

  private static func unknown(_ token: [UInt8]) -> Wrong {
    Wrong(
      what: "the token '\(String(decoding: token, as: UTF8.self))' of this merge is not in the vocabulary")
  }

  static func pair(_ value: JSON) throws(Wrong) -> (left: [UInt8], right: [UInt8]) {
    if let text = value.stringValue {
      let parts = Array(text.utf8).split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      if parts.count == 2 { return (Array(parts[0]), Array(parts[1])) }
    } else if let parts = value.arrayValue, parts.count == 2, let left = parts[0].stringValue,
      let right = parts[1].stringValue
    {
      return (Array(left.utf8), Array(right.utf8))
    }
    throw Wrong(what: "expected two tokens, as \"a b\" or [\"a\", \"b\"]")
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  subscript(left: Int32, right: Int32) -> Merge? { merges[Self.key(left, right)] }

  /// The ids of all merged tokens.
  var results: some Sequence<Int32> { merges.values.lazy.map(\.id) }
}
