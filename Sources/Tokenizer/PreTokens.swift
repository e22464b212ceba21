import Failures

/// A text and the pieces into which it is split so far; the model then tokenizes each piece on its own.
struct PreTokens {
  private(set) var text: AlignedText
  /// Non-empty byte ranges of `text` in order.
  private(set) var ranges: [Range<Int>]

  init(_ text: AlignedText) {
    self.text = text
    ranges = text.count > 0 ? [0..<text.count] : []
  }

  /// Splits every piece at the matches of a pattern.
  mutating func split(_ pattern: TextPattern, _ behavior: SplitBehavior, inverted: Bool = false)
    throws(Failure)
  {
    var result: [Range<Int>] = []
    for range in ranges {
      let matches = try pattern.matches(in: text.bytes.span.extracting(range))
      for piece in behavior.pieces(matches: matches, count: range.count, inverted: inverted) {
        result.append(piece.lowerBound + range.lowerBound..<piece.upperBound + range.lowerBound)
      }
    }
    ranges = result
  }

  /// Puts `prefix` before every piece for which `wants` holds.
  mutating func prepend(_ prefix: [UInt8], where wants: (PreTokens, Range<Int>) -> Bool) {
    rebuild { result, before, range in
      if wants(before, range) {
        result.append(before.text, range, prefixedBy: prefix)
      } else {
        result.append(before.text, range)
      }
    }
  }

  /// Replaces a byte pattern in every piece.
  mutating func replace(_ pattern: [UInt8], by content: [UInt8]) throws(Failure) {
    var parts: [AlignedText] = []
    for range in ranges {
      var part = text.slice(range)
      try Normalizer.replace(.literal(pattern), by: content, in: &part)
      parts.append(part)
    }
    var next = parts.makeIterator()
    rebuild { result, before, range in
      if let part = next.next() { result.append(part, 0..<part.count) }
    }
  }

  /// Writes every byte as its character of the byte alphabet.
  mutating func encodeBytes() {
    let alphabet = ByteAlphabet.encoded
    rebuild { result, before, range in
      for index in range {
        let (first, second) = alphabet[Int(before.text.bytes[index])]
        result.append(first, like: before.text, at: index)
        if let second { result.append(second, like: before.text, at: index) }
      }
    }
  }

  /// Writes the text anew, piece by piece.
  private mutating func rebuild(_ write: (inout AlignedText, PreTokens, Range<Int>) -> Void) {
    var result = AlignedText(tracked: text.isTracked)
    result.reserveCapacity(text.count + text.count / 4)
    var pieces: [Range<Int>] = []
    pieces.reserveCapacity(ranges.count)
    for range in ranges {
      let start = result.count
      write(&result, self, range)
      if result.count > start { pieces.append(start..<result.count) }
    }
    text = result
    ranges = pieces
  }
}
