import CZlib
import Failures

/// One layer of gzip (RFC 1952), taken off by zlib, which checks the length and checksum of every member; libarchive
/// checks neither.
@safe final class GzipReader {
  /// What every member begins with.
  static let magic: [UInt8] = [0x1F, 0x8B]

  private static let pieceSize = 1 << 16

  /// What the bytes are called in errors.
  private let name: String
  private let pieces: () throws(Failure) -> [UInt8]?
  private let limit: ExpansionLimit
  /// zlib keeps its address.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private var input: ArraySlice<UInt8> = []
  private var isInMember = true
  private var produced = 0

  /// - Parameters:
  ///   - pieces: the bytes, front to back; nil at their end.
  ///   - limit: how much may come of them.
  init(_ name: String, limit: ExpansionLimit, pieces: @escaping () throws(Failure) -> [UInt8]?) {
    (self.name, self.limit, self.pieces) = (name, limit, pieces)
    unsafe stream.initialize(to: z_stream())
    // 16: gzip and nothing else.
    let status = unsafe inflateInit2_(stream, MAX_WBITS + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(status == Z_OK, "zlib cannot start: \(status)")
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// The next piece of what was compressed, nil at its end.
  func nextPiece() throws(Failure) -> [UInt8]? {
    while true {
      while input.isEmpty {
        guard let piece = try pieces() else {
          guard !isInMember else { throw damaged("it ends too early") }
          return nil
        }
        input = piece[...]
      }
      if !isInMember {
        // Zeros fill up blocks of a tape; anything else is the next member.
        input = input.drop { $0 == 0 }
        guard !input.isEmpty else { continue }
        unsafe inflateReset(stream)
        isInMember = true
      }
      let piece = try inflated()
      guard piece.isEmpty else { return piece }
    }
  }

  private func inflated() throws(Failure) -> [UInt8] {
    var (status, rest) = (Z_OK, 0)
    let piece = unsafe [UInt8](unsafeUninitializedCapacity: Self.pieceSize) { output, filled in
      unsafe input.withUnsafeBufferPointer { input in
        unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        unsafe stream.pointee.avail_in = UInt32(input.count)
        unsafe stream.pointee.next_out = output.baseAddress
        unsafe stream.pointee.avail_out = UInt32(output.count)
        status = unsafe inflate(stream, Z_NO_FLUSH)
        rest = unsafe Int(stream.pointee.avail_in)
        filled = unsafe output.count - Int(stream.pointee.avail_out)
      }
    }
    guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
      throw damaged(unsafe stream.pointee.msg.map { unsafe String(cString: $0) } ?? "error \(status)")
    }
    input = input.suffix(rest)
    isInMember = status != Z_STREAM_END
    produced += piece.count
    try limit.check(produced, name)
    return piece
  }

  private func damaged(_ reason: String) -> Failure {
    Failure(.badData, "\(name): it cannot be unpacked: \(reason)", hint: "the file may be damaged or incomplete")
  }
}
