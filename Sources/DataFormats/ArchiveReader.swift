import Artifacts
import CArchive
import Failures

import var Glibc.SEEK_CUR
import var Glibc.SEEK_SET

/// One layer of compression or packing, taken off by libarchive: zstd, xz or bzip2; zip or tar; or none.
/// What it is, is told by the bytes and never by a name.
@safe final class ArchiveReader {
  struct Entry {
    /// Nil when the bytes were only compressed, not packed.
    let name: String?
    let isFile: Bool
  }

  /// What the bytes are called in errors.
  private let name: String
  private let archive: OpaquePointer
  private let feed: Feed
  private let limit: ExpansionLimit
  private var produced = 0

  /// What a zip begins with.
  static let zipMagic = Array("PK\u{3}\u{4}".utf8)

  /// - Parameters:
  ///   - pieces: the bytes, front to back; nil at their end.
  ///   - limit: how much may come of them.
  convenience init(
    _ name: String, limit: ExpansionLimit, pieces: @escaping () throws(Failure) -> [UInt8]?
  ) throws(Failure) {
    try self.init(name, limit: limit, Feed(pieces))
    // No other filters: some would run programs, some take text for their own; gzip is `GzipReader`'s.
    unsafe archive_read_support_filter_bzip2(archive)
    unsafe archive_read_support_filter_xz(archive)
    unsafe archive_read_support_filter_zstd(archive)
    unsafe archive_read_support_format_tar(archive)
    unsafe archive_read_support_format_raw(archive)
    unsafe archive_read_support_format_empty(archive)
    try check(unsafe archive_read_open1(archive))
  }

  /// Reads a zip by the directory at its end, which says what belongs to it.
  convenience init(zip file: RandomAccessFile, limit: ExpansionLimit) throws(Failure) {
    try self.init(file.name, limit: limit, Feed(file))
    unsafe archive_read_support_format_zip_seekable(archive)
    unsafe archive_read_set_seek_callback(archive, Feed.seek)
    try check(unsafe archive_read_open1(archive))
  }

  private init(_ name: String, limit: ExpansionLimit, _ feed: Feed) throws(Failure) {
    guard let archive = unsafe archive_read_new() else {
      throw Failure(.internal, "libarchive cannot start reading")
    }
    (self.name, self.limit, self.feed) = (name, limit, feed)
    unsafe self.archive = unsafe archive
    unsafe archive_read_set_callback_data(archive, Unmanaged.passUnretained(feed).toOpaque())
    unsafe archive_read_set_read_callback(archive, Feed.read)
  }

  deinit { unsafe archive_read_free(archive) }

  /// Goes on to the next entry; nil when there is none.
  func nextEntry() throws(Failure) -> Entry? {
    var entry: OpaquePointer?
    let status = unsafe archive_read_next_header(archive, &entry)
    if status == ARCHIVE_EOF {
      if let failure = feed.failure { throw failure }  // what could not be read looks empty to libarchive
      return nil
    }
    // Other warnings are about the name or the owner, as a rule that this locale cannot write it.
    if status != ARCHIVE_WARN || message?.hasPrefix("Inconsistent") == true { try check(status) }
    guard unsafe archive_format(archive) != ARCHIVE_FORMAT_RAW else { return Entry(name: nil, isFile: true) }
    let path = unsafe archive_entry_pathname_utf8(entry) ?? archive_entry_pathname(entry)
    return unsafe Entry(
      name: path.map { unsafe String(cString: $0) } ?? "an entry without a name",
      isFile: archive_entry_filetype(entry) == UInt32(S_IFREG))
  }

  /// Whether nothing was taken off: the entry is the bytes themselves.
  var isPlain: Bool {
    unsafe archive_format(archive) == ARCHIVE_FORMAT_RAW
      && archive_filter_code(archive, 0) == ARCHIVE_FILTER_NONE
  }

  /// The next piece of the entry, nil at its end.
  func nextPiece() throws(Failure) -> [UInt8]? {
    var block: UnsafeRawPointer?
    var (size, offset) = (0, la_int64_t(0))
    repeat {
      let status = unsafe archive_read_data_block(archive, &block, &size, &offset)
      if status == ARCHIVE_EOF { return nil }
      try check(status)
    } while size == 0
    produced += size
    try limit.check(produced, name)
    return unsafe Array(UnsafeRawBufferPointer(start: block, count: size))
  }

  private func check(_ status: Int32) throws(Failure) {
    if status == ARCHIVE_OK { return }
    if let failure = feed.failure { throw failure }
    throw Failure(
      .badData, "\(name): it cannot be unpacked: \(message ?? "unknown error")",
      hint: "the file may be damaged or incomplete")
  }

  /// What libarchive says of the last call.
  private var message: String? {
    unsafe archive_error_string(archive).map { unsafe String(cString: $0) }?.split(separator: "\n").joined(separator: " ")
  }
}

/// How many bytes may come out of a file: what expands further was made to do harm.
struct ExpansionLimit {
  static let ratio = 1000
  /// Small files may be anything.
  private static let free = 64 << 20

  /// Of the file as it lies on the disk.
  let fileSize: Int

  /// - Parameter name: what the file is called in the error.
  func check(_ produced: Int, _ name: String) throws(Failure) {
    guard produced > Self.free, produced / Self.ratio > fileSize else { return }
    throw Failure(
      .badData, "\(name): it expands to more than \(Self.ratio) times its size", hint: "unpack it yourself if you trust it")
  }
}

/// What libarchive reads from: it asks for the next piece and keeps looking at the last one until then.
@safe private final class Feed {
  private let pieces: () throws(Failure) -> [UInt8]?
  /// What the pieces are of, where it can be read here and there.
  private let file: RandomAccessFile?
  private var piece = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
  /// Why there was no next piece.
  private(set) var failure: Failure?

  init(_ pieces: @escaping () throws(Failure) -> [UInt8]?) { (self.pieces, file) = (pieces, nil) }

  init(_ file: RandomAccessFile) {
    self.file = file
    pieces = { () throws(Failure) in try file.nextPiece() }
  }

  deinit { unsafe piece.deallocate() }

  static let read: @convention(c) (
    OpaquePointer?, UnsafeMutableRawPointer?, UnsafeMutablePointer<UnsafeRawPointer?>?
  ) -> Int = { _, client, start in
    guard let client = unsafe client else { return Int(ARCHIVE_FATAL) }
    let feed = unsafe Unmanaged<Feed>.fromOpaque(client).takeUnretainedValue()
    let count = feed.advance()
    unsafe start?.pointee = unsafe UnsafeRawPointer(feed.piece.baseAddress)
    return count
  }

  static let seek: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?, la_int64_t, Int32) -> la_int64_t = {
    _, client, offset, whence in
    guard let client = unsafe client,
      let file = unsafe Unmanaged<Feed>.fromOpaque(client).takeUnretainedValue().file
    else { return la_int64_t(ARCHIVE_FATAL) }
    let start = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file.position : file.size
    let (target, overflows) = start.addingReportingOverflow(Int(offset))
    guard !overflows, (0...file.size).contains(target) else { return la_int64_t(ARCHIVE_FATAL) }
    file.seek(to: target)
    return la_int64_t(target)
  }

  /// - Returns: the size of the next piece, 0 at the end, below 0 at a failure.
  private func advance() -> Int {
    do {
      guard let next = try pieces() else { return 0 }
      unsafe piece.deallocate()
      unsafe piece = UnsafeMutableRawBufferPointer.allocate(byteCount: next.count, alignment: 1)
      unsafe piece.copyBytes(from: next)
      return next.count
    } catch {
      failure = error
      return Int(ARCHIVE_FATAL)
    }
  }
}
