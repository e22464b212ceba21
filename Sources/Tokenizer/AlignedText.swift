/// Text on its way through normalization, each byte with the range of the original text that it stands for.
///
/// The rules by which bytes inherit their origin are those of Hugging Face `tokenizers` (`NormalizedString`),
/// because offsets are part of what must agree.
struct AlignedText {
  /// Bytes of the original text, as offsets into its UTF-8.
  struct Origin: Equatable {
    var start: UInt32
    var end: UInt32
  }

  private(set) var bytes: [UInt8]
  /// One for each byte, or none at all when nobody asks for offsets.
  private(set) var origins: [Origin]
  let isTracked: Bool

  /// An empty text, to append to.
  init(tracked: Bool) {
    bytes = []
    origins = []
    isTracked = tracked
  }

  /// Part of the original text: every byte stands for the character that it belongs to.
  init(original: [UInt8], range: Range<Int>, tracked: Bool) {
    bytes = range.count == original.count ? original : Array(original[range])
    origins = []
    isTracked = tracked
    guard tracked else { return }
    origins.reserveCapacity(range.count)
    var index = range.lowerBound
    while index < range.upperBound {
      let end = min(index + Span<UInt8>.length(ofScalarFrom: original[index]), range.upperBound)
      let origin = Origin(start: UInt32(index), end: UInt32(end))
      for _ in index..<end { origins.append(origin) }
      index = end
    }
  }

  var count: Int { bytes.count }

  /// The original range behind a non-empty range of bytes; empty when origins are not tracked.
  func origin(of range: Range<Int>) -> Range<Int> {
    guard isTracked, !range.isEmpty, range.upperBound <= origins.count else { return 0..<0 }
    let (start, end) = (Int(origins[range.lowerBound].start), Int(origins[range.upperBound - 1].end))
    return start..<max(start, end)
  }

  /// The part of the text in `range`.
  func slice(_ range: Range<Int>) -> AlignedText {
    guard range != 0..<count else { return self }
    var part = AlignedText(tracked: isTracked)
    part.append(self, range)
    return part
  }

  mutating func reserveCapacity(_ capacity: Int) {
    bytes.reserveCapacity(capacity)
    if isTracked { origins.reserveCapacity(capacity) }
  }

  /// Appends part of another text with its origins.
  mutating func append(_ other: AlignedText, _ range: Range<Int>) {
    bytes += other.bytes[range]
    if isTracked { origins += other.origins[range] }
  }

  /// Appends new bytes that stand for what the byte at `index` of `other` stands for; at -1, for nothing.
  mutating func append(_ new: some Sequence<UInt8>, like other: AlignedText, at index: Int) {
    bytes += new
    guard isTracked else { return }
    let origin = index < 0 ? Origin(start: 0, end: 0) : other.origins[min(index, other.origins.count - 1)]
    while origins.count < bytes.count { origins.append(origin) }
  }

  mutating func append(_ byte: UInt8, like other: AlignedText, at index: Int) {
    bytes.append(byte)
    if isTracked { origins.append(other.origins[index]) }
  }

  /// Appends `prefix` and then the part of `other` in `range`; both prefix and first character stand for that character.
  mutating func append(_ other: AlignedText, _ range: Range<Int>, prefixedBy prefix: [UInt8]) {
    append(prefix, like: other, at: range.lowerBound)
    append(other, range)
  }

  /// Replaces the whole text by scalars, each with how many scalars of the old text it takes beyond one:
  /// 0 replaces one, -2 replaces three, 1 is inserted and shares the origin of what stands before it.
  mutating func transform(_ changes: [(scalar: Unicode.Scalar, change: Int)]) {
    var result = AlignedText(tracked: isTracked)
    result.reserveCapacity(count)
    var index = 0
    for (scalar, change) in changes {
      result.append(
        UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter, like: self,
        at: change > 0 ? index - 1 : index)
      guard change <= 0 else { continue }
      for _ in 0...(-change) where index < count { index += Span<UInt8>.length(ofScalarFrom: bytes[index]) }
    }
    self = result
  }

  /// The scalars of the text.
  var scalars: [Unicode.Scalar] { Array(String(decoding: bytes, as: UTF8.self).unicodeScalars) }
}
