import CCrypto
import JSON

/// What a row says, as a number that depends on a seed: equal rows have equal ones, and nothing else does.
///
/// It is taken of the data's own fields, so it does not depend on tokenizer, template or lengths.
struct RowFingerprint: Hashable {
  /// Evenly spread, whatever the data: it decides on which side of a split the row is.
  let key: UInt64
  private let rest: UInt64

  init(_ content: SourceRow.Content, seed: Int) {
    var bytes = Self.littleEndian(seed)
    for part in Self.parts(of: content) { bytes += Self.littleEndian(part.count) + part }
    var digest = [UInt8](repeating: 0, count: 32)
    let status = unsafe EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil)
    precondition(status == 1)
    let number = { (range: Range<Int>) in range.reduce(UInt64(0)) { $0 << 8 | UInt64(digest[$1]) } }
    (key, rest) = (number(0..<8), number(8..<16))
  }

  private static func parts(of content: SourceRow.Content) -> [[UInt8]] {
    switch content {
    case .text(let text): [Array(text.utf8)]
    case .instruction(let instruction, let input, let output): [instruction, input, output].map { Array($0.utf8) }
    case .completion(let completion, let prompt): [prompt, completion].map { Array($0.utf8) }
    case .conversation(let conversation, _):
      [.array(conversation.messages), conversation.tools ?? .null].map { (part: JSON) in Array(part.text(indent: 0).utf8) }
    case .tokens(let ids, let supervised):
      [ids.flatMap { Self.littleEndian(Int($0)) }, supervised.map { $0 ? 1 : 0 }]
    }
  }

  private static func littleEndian(_ value: Int) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}
