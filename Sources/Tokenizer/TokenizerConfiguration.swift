import Failures
import JSON

/// What tokenizer_config.json says beyond tokenizer.json: which tokens begin, end and pad a text.
package struct TokenizerConfiguration: Sendable {
  package private(set) var bosID: Int32?
  package private(set) var eosID: Int32?
  package private(set) var padID: Int32?
  /// The texts of all tokens that the file names, by the names of their fields (`bos_token`, `unk_token`, …).
  package private(set) var specialTokens: [String: String] = [:]
  /// `add_bos_token` and `add_eos_token`, which overrule the post-processor; nil where the file is silent.
  package private(set) var addsBOS: Bool?
  package private(set) var addsEOS: Bool?

  /// Of a tokenizer that comes without the file.
  init() {}

  /// - Parameter tokenID: the id of a token, if there is such a token.
  init(_ cursor: JSONCursor, tokenID: (String) -> Int32?) throws(Failure) {
    bosID = try Self.token("bos_token", cursor, tokenID)
    eosID = try Self.token("eos_token", cursor, tokenID)
    padID = try Self.token("pad_token", cursor, tokenID)
    for name in Self.tokenFields { specialTokens[name] = try Self.text(name, cursor)?.string() }
    addsBOS = try cursor.optional("add_bos_token")?.bool()
    addsEOS = try cursor.optional("add_eos_token")?.bool()
  }

  private static let tokenFields = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]

  /// A token is written as its text, or as an object with its text as `content`.
  private static func text(_ field: String, _ cursor: JSONCursor) throws(Failure) -> JSONCursor? {
    guard let token = try cursor.optional(field) else { return nil }
    return token.value.objectValue == nil ? token : try token.field("content")
  }

  private static func token(
    _ field: String, _ cursor: JSONCursor, _ tokenID: (String) -> Int32?
  ) throws(Failure) -> Int32? {
    guard let text = try text(field, cursor) else { return nil }
    guard let id = tokenID(try text.string()) else {
      throw text.failure(
        "the token '\(try text.string())' is not in the vocabulary of the tokenizer",
        hint: "transformers would give it an id behind all others, for which the model has learned nothing: name a "
          + "token of tokenizer.json, or leave the field out")
    }
    return id
  }
}
