import Checkpoint
import Failures
import Glibc

/// Encoded rows on their way to the disk: they go there as they come, because how many there are and which are for
/// validation is known only at the end. The files are gone with the object.
final class RowSpool {
  /// What is remembered of a row besides its tokens.
  struct Entry: BitwiseCopyable {
    let candidate: ValidationChoice.Candidate
    /// Where its tokens begin among all.
    let start: Int
    let length: Int
    let supervisedTokens: Int
    /// Nil where the validation choice decides.
    let split: DatasetSplit?
    let isTruncated: Bool

    /// - Parameter limit: rows below it are for validation, where nothing else says.
    func side(_ limit: ValidationChoice.Candidate) -> DatasetSplit {
      split ?? (candidate < limit ? .validation : .train)
    }
  }

  private let (ids, supervised, entries): (SpoolFile, SpoolFile, SpoolFile)
  /// Tokens so far.
  private(set) var tokenCount = 0

  /// - Parameter prefix: what the names of its files begin with.
  init(_ prefix: String) throws(Failure) {
    ids = try SpoolFile(prefix + ".ids")
    supervised = try SpoolFile(prefix + ".supervised")
    entries = try SpoolFile(prefix + ".entries")
  }

  /// - Parameter rows: what the tokens are made of; some may belong to none.
  func append(_ tokens: EncodedTokens, _ rows: [Entry]) throws(Failure) {
    try ids.buffer.append(tokens.ids)
    try supervised.buffer.append(tokens.supervised)
    try entries.buffer.append(rows)
    tokenCount += tokens.count
  }

  /// Visits all rows in their order.
  func forEach(_ body: (Entry) throws(Failure) -> Void) throws(Failure) {
    let entries = try entries.mapped()
    for unsafe entry in unsafe entries.bytes.bindMemory(to: Entry.self) { try body(entry) }
  }

  /// Writes the rows that are chosen as one split's file.
  ///
  /// - Parameters:
  ///   - rows: how many they are, with how many `tokens`.
  func write(to path: String, rows: Int, tokens: Int, where isChosen: (Entry) -> Bool) throws(Failure) {
    let writer = try SafeTensorsWriter(path, tensors: TokenRows.tensors(rows: rows, tokens: tokens))
    try unsafe writer.append { write throws(Failure) in
      var (offsets, end): ([Int64], Int64) = ([0], 0)
      try forEach { entry throws(Failure) in
        guard isChosen(entry) else { return }
        end += Int64(entry.length)
        offsets.append(end)
        guard offsets.count >= 1 << 16 else { return }
        try unsafe offsets.span.withUnsafeBytes { (bytes) throws(Failure) in try unsafe write(bytes) }
        offsets.removeAll(keepingCapacity: true)
      }
      try unsafe offsets.span.withUnsafeBytes { (bytes) throws(Failure) in try unsafe write(bytes) }
    }
    for (column, width) in [(ids, MemoryLayout<Int32>.size), (supervised, MemoryLayout<Bool>.size)] {
      let column = try column.mapped()
      try unsafe writer.append { write throws(Failure) in
        try forEachStretch(where: isChosen) { tokens throws(Failure) in
          let bytes = tokens.lowerBound * width..<tokens.upperBound * width
          try unsafe write(UnsafeRawBufferPointer(rebasing: column.bytes[bytes]))
        }
      }
    }
    writer.finish()
  }

  /// Calls `body` with the tokens of chosen rows that follow one another.
  private func forEachStretch(
    where isChosen: (Entry) -> Bool, _ body: (Range<Int>) throws(Failure) -> Void
  ) throws(Failure) {
    var stretch = 0..<0
    try forEach { entry throws(Failure) in
      guard isChosen(entry) else { return }
      if entry.start != stretch.upperBound {
        try body(stretch)
        stretch = entry.start..<entry.start
      }
      stretch = stretch.lowerBound..<entry.start + entry.length
    }
    try body(stretch)
  }
}

/// A file of the spool, which is gone with the object.
private final class SpoolFile {
  private let path: String
  var buffer: OutputBuffer

  init(_ path: String) throws(Failure) {
    self.path = path
    buffer = OutputBuffer(try OutputFile(path))
  }

  deinit { unsafe unlink(path) }

  /// All that was appended.
  func mapped() throws(Failure) -> MappedFile {
    try buffer.flush()
    return try MappedFile(path)
  }
}
