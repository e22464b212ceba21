extension AddedTokens {
  /// Finds any of many strings in a text: the leftmost, and of those that start there the longest.
  struct Finder: Sendable {
    private var contents: ByteTable
    /// What each entry of `contents` stands for.
    private var values: [Int] = []
    /// The lengths of the strings that start with each byte, the longest first.
    private var lengths: [[Int]]

    init(_ strings: [(content: [UInt8], value: Int)]) {
      contents = ByteTable(capacity: strings.count)
      lengths = Array(repeating: [], count: 256)
      for (content, value) in strings {
        guard let first = content.first, contents.insert(content.span) != nil else { continue }
        values.append(value)
        if !lengths[Int(first)].contains(content.count) { lengths[Int(first)].append(content.count) }
      }
      for byte in lengths.indices { lengths[byte].sort(by: >) }
    }

    /// The matches from left to right; they do not overlap.
    func matches(in text: Span<UInt8>) -> [(range: Range<Int>, value: Int)] {
      guard contents.count > 0 else { return [] }
      var matches: [(Range<Int>, Int)] = []
      var index = 0
      while index < text.count {
        if let (length, value) = match(at: index, in: text) {
          matches.append((index..<index + length, value))
          index += length
        } else {
          index += 1
        }
      }
      return matches
    }

    private func match(at index: Int, in text: Span<UInt8>) -> (length: Int, value: Int)? {
      for length in lengths[Int(text[index])] where length <= text.count - index {
        if let entry = contents.entry(of: text.extracting(index..<index + length)) {
          return (length, values[entry])
        }
      }
      return nil
    }
  }
}
