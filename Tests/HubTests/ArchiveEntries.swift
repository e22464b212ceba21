import CArchive
import Failures

/// The entries of an archive, read by libarchive itself.
struct ArchiveEntries {
  struct Entry {
    let name: String
    let mode: UInt32
    let owner: Int64
    let modified: Int
    let content: String
  }

  private(set) var entries: [Entry] = []

  init(_ path: String) throws {
    let archive = unsafe archive_read_new()
    defer { unsafe archive_read_free(archive) }
    unsafe archive_read_support_filter_all(archive)
    unsafe archive_read_support_format_all(archive)
    guard unsafe archive_read_open_filename(archive, path, 10240) == ARCHIVE_OK else {
      throw Failure(.io, "cannot open the archive")
    }
    var entry: OpaquePointer?
    while unsafe archive_read_next_header(archive, &entry) == ARCHIVE_OK {
      var content = [UInt8](repeating: 0, count: Int(unsafe archive_entry_size(entry)))
      let count = unsafe content.withUnsafeMutableBytes {
        unsafe archive_read_data(archive, $0.baseAddress, $0.count)
      }
      entries.append(
        Entry(
          name: unsafe archive_entry_pathname(entry).map { unsafe String(cString: $0) } ?? "?",
          mode: unsafe archive_entry_perm(entry),
          owner: unsafe archive_entry_uid(entry), modified: unsafe archive_entry_mtime(entry),
          content: String(decoding: content.prefix(max(count, 0)), as: UTF8.self)))
    }
  }
}
