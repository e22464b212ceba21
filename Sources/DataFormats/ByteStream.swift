import Failures
import Glibc

/// Bytes that are read from front to back through a window.
final class ByteStream {
  /// What the bytes are called in errors.
  let name: String
  private let pieces: () throws(Failure) -> [UInt8]?
  private var window: [UInt8] = []
  /// Where in the window the next byte is.
  private var start = 0

  /// The most bytes that one row may have: what is longer is no data, and would fill the memory.
  static let longestRow = 256 << 20

  init(_ name: String, pieces: @escaping () throws(Failure) -> [UInt8]?) {
    (self.name, self.pieces) = (name, pieces)
  }

  /// The next bytes, not consumed: `count` of them, fewer only at the end.
  func peek(_ count: Int) throws(Failure) -> ArraySlice<UInt8> {
    while window.count - start < count, try fill() {}
    return window[start..<min(start + count, window.count)]
  }

  func skip(_ count: Int) { start += count }

  /// The next piece, whatever its size; nil at the end.
  func next() throws(Failure) -> [UInt8]? {
    guard start < window.count else { return try pieces() }
    defer { (window, start) = ([], 0) }
    return Array(window[start...])
  }

  /// The bytes before the next delimiter, which is passed over; at the end those that are left, nil if none are. They
  /// are a part of the window, not a copy.
  func next(upTo delimiter: [UInt8]) throws(Failure) -> ArraySlice<UInt8>? {
    var searched = 0  // bytes from the start in which no delimiter begins
    while true {
      if let end = index(of: delimiter, from: start + searched) {
        defer { start = end + delimiter.count }
        return window[start..<end]
      }
      searched = max(0, window.count - start - delimiter.count + 1)
      try checkLength(window.count - start)
      guard try fill() else { return try next()?[...] }
    }
  }

  /// All bytes that are left, nil if none are.
  func rest() throws(Failure) -> [UInt8]? {
    while try fill() { try checkLength(window.count) }
    return try next()
  }

  /// - Throws: `Failure.badData` for the length of a row that no honest file has.
  func checkLength(_ count: Int) throws(Failure) {
    guard count > Self.longestRow else { return }
    throw Failure(
      .badData, "\(name): a row has more than \(Self.longestRow >> 20) MiB",
      hint: "give one row a line, or say with --text-separator what stands between documents")
  }

  /// Takes one more piece into the window.
  private func fill() throws(Failure) -> Bool {
    guard let piece = try pieces() else { return false }
    // Rows may still lie in the old window; only one that holds none grows in place.
    if start > 0 { (window, start) = (Array(window[start...]), 0) }
    window += piece
    return true
  }

  private func index(of delimiter: [UInt8], from first: Int) -> Int? {
    unsafe window.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return nil }
      var place = first
      while place + delimiter.count <= bytes.count {
        guard let hit = unsafe UnsafeRawBufferPointer(rebasing: bytes[place...]).offset(of: delimiter[0]) else {
          return nil
        }
        place += hit
        if place + delimiter.count <= bytes.count,
          unsafe memcmp(base + place, delimiter, delimiter.count) == 0
        {
          return place
        }
        place += 1
      }
      return nil
    }
  }
}

extension UnsafeRawBufferPointer {
  /// Where a byte first stands.
  func offset(of byte: UInt8) -> Int? {
    guard let start = baseAddress, let hit = unsafe memchr(start, Int32(byte), count) else { return nil }
    return unsafe UnsafeRawPointer(hit) - start
  }
}
