import Artifacts
import CArchive
package import Failures

/// Reproducible archives: the same files give the same bytes, whoever packs them, where and when.
package enum Archive {
  /// Packs files into a `.tar.zst` (pax, restricted) that appears at `path` whole or not at all.
  ///
  /// - Parameters:
  ///   - directory: where the files lie; the archive's paths are relative to it, sorted by bytes.
  ///   - files: which files, or nil for all.
  /// - Throws: `Failure.missingInput`, `Failure.badData` at what is no plain file, `Failure.io`.
  package static func write(directory: String, files: [String]? = nil, to path: String) throws(Failure) {
    let names: [String]
    if let files { names = files } else { names = try Files.tree(directory) }
    try write(names.map { (name: $0, path: directory + "/" + $0) }, to: path)
  }

  /// Packs files from anywhere under the given names.
  package static func write(_ files: [(name: String, path: String)], to path: String) throws(Failure) {
    AtomicFile.sweep(beside: path)
    let sorted = files.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    try AtomicFile.write(to: path) { file throws(Failure) in
      let writer = try ArchiveWriter(
        file, plainNames: sorted.allSatisfy { $0.name.utf8.allSatisfy { $0 < 0x80 } })
      for file in sorted { try writer.add(file.path, as: file.name) }
      try writer.finish()
    }
  }
}

/// libarchive's writer, on an open file.
@safe private final class ArchiveWriter {
  private let archive: OpaquePointer
  private let path: String

  /// - Parameter plainNames: whether all names are ASCII.
  init(_ file: borrowing OpenFile, plainNames: Bool) throws(Failure) {
    guard let archive = unsafe archive_write_new() else {
      throw Failure(.internal, "libarchive cannot start an archive")
    }
    unsafe self.archive = unsafe archive
    path = file.path
    try check(unsafe archive_write_set_format_pax_restricted(archive))
    if !plainNames {
      // Names as bytes: converted, they would depend on the locale and lose what it cannot say. GNU tar reads
      // them, but warns about the header that says so; hence not for names of ASCII.
      try check(unsafe archive_write_set_format_option(archive, "pax", "hdrcharset", "BINARY"))
    }
    try check(unsafe archive_write_add_filter_zstd(archive))
    // A fixed level on one thread: both change the bytes.
    try check(unsafe archive_write_set_filter_option(archive, "zstd", "compression-level", "3"))
    try check(unsafe archive_write_open_fd(archive, file.descriptor))
  }

  deinit { unsafe archive_write_free(archive) }

  private func check(_ status: Int32) throws(Failure) {
    guard status == ARCHIVE_OK else {
      // "Write error" alone does not say that the disk is full.
      let code = unsafe archive_errno(archive)
      let reason =
        code > 0 ? errorText(code) : unsafe archive_error_string(archive).map { unsafe String(cString: $0) } ?? "unknown error"
      throw Failure(.io, "cannot write the archive \(path): \(reason)")
    }
  }

  /// Adds a file; its owner, times and permissions do not count.
  func add(_ source: String, as name: String) throws(Failure) {
    let file = try OpenFile(reading: source)
    guard case .file(let identity) = try FileStatus(descriptor: file.descriptor, path: source) else {
      throw Failure(.badData, "\(source) is not a plain file")
    }
    try addHeader(name, size: identity.size)
    var count = 0
    try file.readAll { bytes throws(Failure) in
      count += bytes.count
      let written = unsafe bytes.withUnsafeBytes {
        unsafe archive_write_data(archive, $0.baseAddress, $0.count)
      }
      guard written == bytes.count else { return try check(ARCHIVE_FATAL) }
    }
    guard count == identity.size else { throw Failure(.io, "\(source) changed while it was archived") }
  }

  private func addHeader(_ name: String, size: Int) throws(Failure) {
    let entry = unsafe archive_entry_new()
    defer { unsafe archive_entry_free(entry) }
    unsafe archive_entry_set_pathname(entry, name)
    unsafe archive_entry_set_size(entry, Int64(size))
    unsafe archive_entry_set_filetype(entry, UInt32(S_IFREG))
    unsafe archive_entry_set_perm(entry, 0o644)
    unsafe archive_entry_set_mtime(entry, 0, 0)
    try check(unsafe archive_write_header(archive, entry))
  }

  func finish() throws(Failure) { try check(unsafe archive_write_close(archive)) }
}
