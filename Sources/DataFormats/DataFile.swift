import Artifacts
package import Failures

/// A file with rows of data, plain or packed. It is read from front to back and never held in memory.
package struct DataFile: Sendable {
  package let path: String
  /// The size of the file as it lies on the disk.
  package let byteCount: Int

  /// - Throws: `Failure.missingInput` when there is no such file, `Failure.badData` when it is empty or no file.
  package init(_ path: String) throws(Failure) {
    self.path = path
    switch try FileStatus(path, followingLinks: true) {
    case .file(let identity): byteCount = identity.size
    case .missing: throw Failure(
        .missingInput, "cannot open '\(path)': there is no such file", hint: "check the path, and from where it is looked for")
    case .directory, .symbolicLink, .special: throw Failure(.badData, "'\(path)' is not a regular file")
    }
    guard byteCount > 0 else { throw Self.empty(path) }
  }

  static func empty(_ name: String) -> Failure {
    Failure(.badData, "\(name): the file is empty", hint: "the download or whatever wrote it may have failed")
  }

  /// Visits what the file holds: itself, or each data file that is packed in it.
  ///
  /// - Parameter body: gets each member with its rows still to be read.
  package func forEachMember(_ body: (DataMember) throws(Failure) -> Void) throws(Failure) {
    let file = try RandomAccessFile(path)
    let bytesRead = { min(file.position, file.size) }
    if file.size >= 4, try file.read(at: 0, count: 4) == ParquetFile.magic {
      return try body(DataMember(name: path, path: path, bytesRead: bytesRead, .table(file)))
    }
    let visit = MemberVisit(limit: ExpansionLimit(fileSize: file.size), bytesRead: bytesRead)
    try visit.members(of: ByteStream(path) { () throws(Failure) in try file.nextPiece() }, path: path, file: file, body)
  }
}

/// The way through the layers of a file down to what is neither compressed nor packed.
private struct MemberVisit {
  let limit: ExpansionLimit
  let bytesRead: () -> Int

  /// Layers that an honest file has at most: a compressed file in a compressed archive in an archive.
  private static let deepest = 4

  /// - Parameters:
  ///   - stream: called as errors call it: the file's path, then the names of entries.
  ///   - path: what its name says about format and split: without what names the compression.
  ///   - file: what the stream is of, where it can be read here and there.
  func members(
    of stream: ByteStream, path: String, depth: Int = 0, file: RandomAccessFile? = nil,
    _ body: (DataMember) throws(Failure) -> Void
  ) throws(Failure) {
    let name = stream.name
    guard depth <= Self.deepest else {
      throw Failure(
        .badData, "\(name): it is packed or compressed more than \(Self.deepest) times over", hint: "unpack it yourself")
    }
    if try stream.peek(2).elementsEqual(GzipReader.magic) {
      let reader = GzipReader(name, limit: limit) { () throws(Failure) in try stream.next() }
      let content = ByteStream(name) { () throws(Failure) in try reader.nextPiece() }
      return try members(of: content, path: DataPaths.uncompressed(path), depth: depth + 1, body)
    }
    let reader = try reader(of: stream, file)
    let nextPiece = { () throws(Failure) in try reader.nextPiece() }
    var found = 0
    while let entry = try reader.nextEntry() {
      if reader.isPlain {
        found += 1
        let stream = ByteStream(name, pieces: nextPiece)
        try body(DataMember(name: name, path: path, bytesRead: bytesRead, try content(of: stream)))
        continue
      }
      guard entry.isFile, entry.name.map(DataPaths.isData) ?? true else { continue }
      found += 1
      try members(
        of: ByteStream(entry.name.map { "\(name)/\($0)" } ?? name, pieces: nextPiece),
        path: entry.name ?? DataPaths.uncompressed(path), depth: depth + 1, body)
    }
    guard found > 0 else {
      throw Failure(.badData, "\(name): it holds no file with data", hint: DataPaths.whatCounts)
    }
  }

  private func reader(of stream: ByteStream, _ file: RandomAccessFile?) throws(Failure) -> ArchiveReader {
    let pieces = { () throws(Failure) in try stream.next() }
    guard try stream.peek(4).elementsEqual(ArchiveReader.zipMagic) else {
      return try ArchiveReader(stream.name, limit: limit, pieces: pieces)
    }
    let file = if let file { file } else { try RandomAccessFile(stream.name, pieces: pieces) }
    return try ArchiveReader(zip: file, limit: limit)
  }

  /// Parquet is read here and there, so it needs a file of its own.
  private func content(of stream: ByteStream) throws(Failure) -> DataMember.Content {
    guard try stream.peek(4).elementsEqual(ParquetFile.magic) else { return .stream(stream) }
    return .table(try RandomAccessFile(stream.name) { () throws(Failure) in try stream.next() })
  }
}
