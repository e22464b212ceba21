import CArchive

/// Files packed or compressed by libarchive.
enum Packing: CaseIterable {
  case gzip, zstd, xz, bzip2, zip, tar, tarGzip

  /// - Parameter files: one without a name for what only compresses.
  func pack(_ files: [(name: String, bytes: [UInt8])], to path: String) {
    let archive = unsafe archive_write_new()
    defer { unsafe archive_write_free(archive) }
    unsafe setUp(archive)
    unsafe archive_write_open_filename(archive, path)
    for file in files {
      let entry = unsafe archive_entry_new()
      unsafe archive_entry_set_pathname(entry, file.name)
      unsafe archive_entry_set_size(entry, Int64(file.bytes.count))
      unsafe archive_entry_set_filetype(entry, 0o100000)  // a plain file
      unsafe archive_entry_set_perm(entry, 0o644)
      unsafe archive_write_header(archive, entry)
      unsafe archive_write_data(archive, file.bytes, file.bytes.count)
      unsafe archive_entry_free(entry)
    }
    unsafe archive_write_close(archive)
  }

  var isArchive: Bool { [.zip, .tar, .tarGzip].contains(self) }

  private func setUp(_ archive: OpaquePointer?) {
    switch self {
    case .gzip, .tarGzip: unsafe archive_write_add_filter_gzip(archive)
    case .zstd: unsafe archive_write_add_filter_zstd(archive)
    case .xz: unsafe archive_write_add_filter_xz(archive)
    case .bzip2: unsafe archive_write_add_filter_bzip2(archive)
    case .zip, .tar: break
    }
    switch self {
    case .zip: unsafe archive_write_set_format_zip(archive)
    case .tar, .tarGzip: unsafe archive_write_set_format_pax_restricted(archive)
    case .gzip, .zstd, .xz, .bzip2: unsafe archive_write_set_format_raw(archive)
    }
  }
}
