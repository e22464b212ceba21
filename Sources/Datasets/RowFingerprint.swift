import CCrypto
import JSON

/// What a row says, as a number that depends on a seed: equal rows have equal ones, and nothing else does.
///
/// It is taken of the data's own fields, so it does not depend on tokenizer, template or lengths.
struct RowFingerprint: Hashable {
  /// Evenly spread, whatever the data: it decides on which side of a split the row is.
  let key: UInt64
  fileprivate let rest: UInt64
}

/// Makes fingerprints, one row after another with the same memory: the beginning of the SHA-256 of seed and fields.
@safe struct RowHash: ~Copyable {
  private let context = unsafe EVP_MD_CTX_new()
  private let seed: Int
  private var bytes: [UInt8] = []

  init(seed: Int) { self.seed = seed }

  deinit { unsafe EVP_MD_CTX_free(context) }

  mutating func fingerprint(of content: SourceRow.Content) -> RowFingerprint {
    bytes.removeAll(keepingCapacity: true)
    append(seed)
    append(content)
    var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    let status = unsafe withUnsafeMutableBytes(of: &digest) { digest in
      let digest = unsafe digest.baseAddress?.assumingMemoryBound(to: UInt8.self)
      return unsafe EVP_DigestInit_ex(context, Self.sha256, nil) & EVP_DigestUpdate(context, bytes, bytes.count)
        & EVP_DigestFinal_ex(context, digest, nil)
    }
    precondition(status == 1)
    return RowFingerprint(key: UInt64(bigEndian: digest.0), rest: UInt64(bigEndian: digest.1))
  }

  /// Fetched once: libcrypto looks for `EVP_sha256()` anew at every use.
  private nonisolated(unsafe) static let sha256 = unsafe EVP_MD_fetch(nil, "SHA256", nil)

  private mutating func append(_ content: SourceRow.Content) {
    switch content {
    case .text(let text):
      append(text.count)
      bytes += text
    case .instruction(let instruction, let input, let output): append(instruction, input, output)
    case .completion(let completion, let prompt): append(prompt, completion)
    case .conversation(let conversation, _):
      append(
        JSON.array(conversation.messages).text(indent: 0), (conversation.tools ?? .null).text(indent: 0))
      if conversation.given > 0 { append(conversation.given) }
    case .tokens(let ids, let supervised):
      append(8 * ids.count)
      for id in ids { append(Int(id)) }
      append(supervised.count)
      for flag in supervised { bytes.append(flag ? 1 : 0) }
    }
  }

  /// Texts, each after its length.
  private mutating func append(_ texts: String...) {
    for text in texts {
      append(text.utf8.count)
      bytes += text.utf8
    }
  }

  /// As eight bytes, the lowest first.
  private mutating func append(_ value: Int) {
    unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
  }
}
