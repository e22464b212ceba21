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
    var bytes: [UInt8] = []
    Self.append(seed, to: &bytes)
    for part in Self.parts(of: content) {
      Self.append(part.count, to: &bytes)
      bytes += part
    }
    var digest = [UInt8](repeating: 0, count: 32)
    let status = unsafe EVP_Digest(bytes, bytes.count, &digest, nil, Self.sha256, nil)
    precondition(status == 1)
    let number = { (range: Range<Int>) in range.reduce(UInt64(0)) { $0 << 8 | UInt64(digest[$1]) } }
    (key, rest) = (number(0..<8), number(8..<16))
  }

  /// Fetched once: libcrypto looks for `EVP_sha256()` anew at every use.
  private nonisolated(unsafe) static let sha256 = unsafe EVP_MD_fetch(nil, "SHA256", nil)

  private static func parts(of content: SourceRow.Content) -> [[UInt8]] {
    switch content {
    case .text(let text): return [Array(text.utf8)]
    case .instruction(let instruction, let input, let output):
      return [instruction, input, output].map { Array($0.utf8) }
    case .completion(let completion, let prompt): return [prompt, completion].map { Array($0.utf8) }
    case .conversation(let conversation, _):
      return [.array(conversation.messages), conversation.tools ?? .null].map { (part: JSON) in
        Array(part.text(indent: 0).utf8)
      }
    case .tokens(let ids, let supervised):
      var bytes: [UInt8] = []
      for id in ids { append(Int(id), to: &bytes) }
      return [bytes, supervised.map { $0 ? 1 : 0 }]
    }
  }

  /// As eight bytes, the lowest first.
  private static func append(_ value: Int, to bytes: inout [UInt8]) {
    for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }
}
