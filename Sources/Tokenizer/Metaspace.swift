import Failures
import JSON

/// The settings of Metaspace, which is both a pre-tokenizer and a decoder.
struct Metaspace: Sendable {
  /// Before which pieces the mark is put.
  enum PrependScheme: String, Sendable {
    case always, never, first
  }

  /// The character that stands for a space, in UTF-8.
  let replacement: [UInt8]
  let prepends: PrependScheme
  /// Whether the text is split before every mark.
  let splits: Bool

  init(_ cursor: JSONCursor) throws(Failure) {
    try cursor.allowOnly(["type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"])
    let mark = try cursor.field("replacement")
    guard try mark.string().unicodeScalars.count == 1 else {
      throw mark.failure("expected one character, found '\(try mark.string())'")
    }
    replacement = Array(try mark.string().utf8)
    splits = try cursor.optional("split")?.bool() ?? true
    // Files of before 2024 say add_prefix_space instead.
    let prefixes = try cursor.optional("add_prefix_space")?.bool() ?? true
    guard let scheme = try cursor.optional("prepend_scheme") else {
      prepends = prefixes ? .always : .never
      return
    }
    guard let prepends = PrependScheme(rawValue: try scheme.string()) else {
      throw scheme.failure("expected always, never or first, found '\(try scheme.string())'")
    }
    self.prepends = prepends
  }

  func apply(to tokens: inout PreTokens) throws(Failure) {
    try tokens.replace([UInt8(ascii: " ")], by: replacement)
    tokens.prepend(replacement) { tokens, range in
      guard !tokens.text.bytes.span.has(replacement, at: range.lowerBound) else { return false }
      return prepends == .always || prepends == .first && tokens.text.origin(of: range).lowerBound == 0
    }
    if splits { try tokens.split(.literal(replacement), .mergedWithNext) }
  }
}
