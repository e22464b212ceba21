/// The tokens of a text and where they stand in it.
package struct Encoding: Sendable, Equatable {
  package private(set) var ids: [Int32] = []
  /// For each token the bytes of the text's UTF-8 that it stands for, always whole characters: tokens that share a
  /// character have the same span. Tokens that the post-processor adds have 0..<0.
  package private(set) var spans: [Range<Int>] = []

  mutating func append(_ id: Int32, _ span: Range<Int>) {
    ids.append(id)
    spans.append(span)
  }

  /// Appends the tokens of the piece of `text` that starts at `start`.
  mutating func append(_ tokens: TokenRun, of text: AlignedText, from start: Int) {
    ids += tokens.ids
    guard text.isTracked else { return }
    var start = start
    for length in tokens.lengths {
      spans.append(text.origin(of: start..<start + Int(length)))
      start += Int(length)
    }
  }

  mutating func surround(prefix: [Int32], suffix: [Int32]) {
    ids = prefix + ids + suffix
    spans =
      Array(repeating: 0..<0, count: prefix.count) + spans + Array(repeating: 0..<0, count: suffix.count)
  }

  /// The spans counted in Unicode scalars.
  func scalarSpans(in text: String) -> [Range<Int>] {
    // Which scalar each byte belongs to.
    var scalarAt: [Int] = []
    var count = 0
    for byte in text.utf8 {
      if byte & 0xC0 != 0x80 { count += 1 }
      scalarAt.append(count - 1)
    }
    scalarAt.append(count)
    return spans.map { span in
      let upper = min(span.upperBound, text.utf8.count)
      return scalarAt[min(span.lowerBound, upper)]..<scalarAt[upper]
    }
  }

  /// Takes the white space at the ends of a byte-level token out of its offsets.
  static func trimmed(_ offsets: Range<Int>, token: [UInt8]?, keepsOneSpace: Bool) -> Range<Int> {
    let scalars = Array(String(decoding: token ?? [], as: UTF8.self).unicodeScalars)
    // Ġ is the space of the byte alphabet.
    let isSpace: (Unicode.Scalar) -> Bool = { $0 == "\u{120}" || $0.properties.isWhitespace }
    let leading = scalars.prefix(while: isSpace).count
    let trailing = scalars.reversed().prefix(while: isSpace).count
    var (lower, upper) = (offsets.lowerBound, offsets.upperBound)
    if leading > 0 { lower = min(lower + leading - (keepsOneSpace ? 1 : 0), upper) }
    if trailing > 0, upper >= trailing { upper = max(upper - trailing, lower) }
    return lower..<upper
  }
}
