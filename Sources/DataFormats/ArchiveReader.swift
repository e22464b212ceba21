import Artifacts
import CArchive
import Failures

/// One layer of compression or packing, taken off by libarchive: gzip, zstd, xz or bzip2; zip or tar; or none.
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

  /// - Parameters:
  ///   - pieces: the bytes, front to back; nil at their end.
  ///   - limit: how much may come of them.
  init(
    _ name: String, limit: ExpansionLimit, pieces: @escaping () throws(Failure) -> [UInt8]?
  ) throws(Failure) {
    guard let archive = unsafe archive_read_new() else {
      throw Failure(.internal, "libarchive cannot start reading")
    }
    (self.name, self.limit, feed) = (name, limit, Feed(pieces))
    unsafe self.archive = unsafe archive
    // No other filters: some would run programs, some take text for their own.
    unsafe archive_read_support_filter_gzip(archive)
    unsafe archive_read_support_filter_bzip2(archive)
    unsafe archive_read_support_filter_xz(archive)
    unsafe archive_read_support_filter_zstd(archive)
    unsafe archive_read_support_format_zip_streamable(archive)
    unsafe archive_read_support_format_tar(archive)
    unsafe archive_read_support_format_raw(archive)
    unsafe archive_read_support_format_empty(archive)
    let client = unsafe Unmanaged.passUnretained(feed).toOpaque()
    try check(unsafe archive_read_open(archive, client, nil, Feed.read, nil))
  }

  deinit { unsafe archive_read_free(archive) }

  /// Goes on to the next entry; nil when there is none.
  func nextEntry() throws(Failure) -> Entry? {
    var entry: OpaquePointer?
    let status = unsafe archive_read_next_header(archive, &entry)
    if status == ARCHIVE_EOF { return nil }
    // A warning is about the name or the owner, as a rule that this locale cannot write it.
    if status != ARCHIVE_WARN { try check(status) }
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
    guard limit.allows(produced) else {
      throw Failure(
        .badData, "\(name): it expands to more than \(ExpansionLimit.ratio) times its size",
        hint: "unpack it yourself if you trust it")
    }
    return unsafe Array(UnsafeRawBufferPointer(start: block, count: size))
  }

  private func check(_ status: Int32) throws(Failure) {
    if status == ARCHIVE_OK { return }
    if let failure = feed.failure { throw failure }
    let reason = unsafe archive_error_string(archive).map { unsafe String(cString: $0) } ?? "unknown error"
    throw Failure(
      .badData, "\(name): it cannot be unpacked: \(reason)", hint: "the file may be damaged or incomplete")
  }
}

/// How many bytes may come out of a file: what expands further was made to do harm.
struct ExpansionLimit {
  static let ratio = 1000
  /// Small files may be anything.
  private static let free = 64 << 20

  /// Of the file as it lies on the disk.
  let fileSize: Int

  func allows(_ produced: Int) -> Bool {
    produced <= Self.free || produced / Self.ratio <= fileSize
  }
}

/// What libarchive reads from: it asks for the next piece and keeps looking at the last one until then.
@safe private final class Feed {
  private let pieces: () throws(Failure) -> [UInt8]?
  private var piece = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
  /// Why there was no next piece.
  private(set) var failure: Failure?

  init(_ pieces: @escaping () throws(Failure) -> [UInt8]?) { self.pieces = pieces }

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
