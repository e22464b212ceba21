import Checkpoint
import Failures
import Glibc

/// Encoded rows on their way to the disk: they go there as they come, because how many there are and which are for
/// validation is known only at the end. The files are gone with the object.
final class RowSpool {
  /// What is remembered of a row besides its tokens.
  struct Entry {
    let candidate: ValidationChoice.Candidate
    /// Nil where the validation choice decides.
    let split: DatasetSplit?
    let length: Int
    let supervisedTokens: Int
    let isTruncated: Bool

    /// - Parameter limit: rows below it are for validation, where nothing else says.
    func side(_ limit: ValidationChoice.Candidate) -> DatasetSplit {
      split ?? (candidate < limit ? .validation : .train)
    }
  }

  private let paths: (ids: String, supervised: String, entries: String)
  private let files: (ids: OutputFile, supervised: OutputFile, entries: OutputFile)
  private var (ids, supervised, entries): ([Int32], [Bool], [UInt64]) = ([], [], [])

  /// Tokens that are held back to be written together.
  private static let writeSize = 1 << 18
  /// Numbers of an entry in its file.
  private static let entrySize = 4
  private static let splits = DatasetSplit.allCases

  /// - Parameter prefix: what the names of the files begin with.
  init(_ prefix: String) throws(Failure) {
    paths = (prefix + ".ids", prefix + ".supervised", prefix + ".entries")
    files = (try OutputFile(paths.ids), try OutputFile(paths.supervised), try OutputFile(paths.entries))
  }

  deinit { for path in [paths.ids, paths.supervised, paths.entries] { unsafe unlink(path) } }

  func append(
    _ row: TokenRow, of candidate: ValidationChoice.Candidate, split: DatasetSplit?, isTruncated: Bool
  ) throws(Failure) {
    ids += row.ids
    supervised += row.supervised
    entries.append(candidate.key)
    entries.append(UInt64(candidate.row))
    entries.append(UInt64(row.ids.count) << 32 | UInt64(row.supervised.count { $0 }))
    entries.append(UInt64((split?.position ?? Self.splits.count) << 1 | (isTruncated ? 1 : 0)))
    if ids.count >= Self.writeSize { try flush() }
  }

  private func flush() throws(Failure) {
    try files.ids.write(ids)
    try files.supervised.write(supervised)
    try files.entries.write(entries)
    ids.removeAll(keepingCapacity: true)
    supervised.removeAll(keepingCapacity: true)
    entries.removeAll(keepingCapacity: true)
  }

  /// Ends the writing; the rows can be read from then on.
  func finish() throws(Failure) -> SpooledRows {
    try flush()
    return SpooledRows(
      entries: try MappedFile(paths.entries), ids: try MappedFile(paths.ids), supervised: try MappedFile(paths.supervised),
      spool: self)
  }

  fileprivate static func entry(_ numbers: UnsafeBufferPointer<UInt64>, _ index: Int) -> Entry {
    let number = { (offset: Int) in unsafe numbers[index * entrySize + offset] }
    let splitNumber = Int(number(3) >> 1)
    return Entry(
      candidate: .init(key: number(0), row: Int(number(1))),
      split: splitNumber < splits.count ? splits[splitNumber] : nil,
      length: Int(number(2) >> 32), supervisedTokens: Int(number(2) & 0xFFFF_FFFF), isTruncated: number(3) & 1 == 1)
  }

  fileprivate static func count(_ file: MappedFile) -> Int { file.count / (8 * entrySize) }
}

/// All rows that were spooled, in order.
struct SpooledRows {
  fileprivate let entries: MappedFile
  fileprivate let ids: MappedFile
  fileprivate let supervised: MappedFile
  /// Keeps the files.
  fileprivate let spool: RowSpool

  /// - Parameter body: gets each row's entry and where its tokens begin among all.
  func forEach(_ body: (RowSpool.Entry, Int) throws(Failure) -> Void) throws(Failure) {
    var start = 0
    for index in 0..<RowSpool.count(entries) {
      let entry = unsafe RowSpool.entry(entries.bytes.bindMemory(to: UInt64.self), index)
      try body(entry, start)
      start += entry.length
    }
  }

  /// Writes the rows that are chosen as one split's file.
  ///
  /// - Parameters:
  ///   - rows: how many they are, with how many `tokens`.
  func write(
    to path: String, rows: Int, tokens: Int, where isChosen: (RowSpool.Entry) -> Bool
  ) throws(Failure) {
    let writer = try SafeTensorsWriter(path, tensors: TokenRows.tensors(rows: rows, tokens: tokens))
    try unsafe writer.append { write throws(Failure) in
      var (offsets, end): ([Int64], Int64) = ([0], 0)
      try forEach { entry, _ throws(Failure) in
        guard isChosen(entry) else { return }
        end += Int64(entry.length)
        offsets.append(end)
        guard offsets.count >= 1 << 16 else { return }
        try unsafe offsets.span.withUnsafeBytes { (bytes) throws(Failure) in try unsafe write(bytes) }
        offsets.removeAll(keepingCapacity: true)
      }
      try unsafe offsets.span.withUnsafeBytes { (bytes) throws(Failure) in try unsafe write(bytes) }
    }
    for (file, width) in [(ids, 4), (supervised, 1)] {
      try unsafe writer.append { write throws(Failure) in
        try forEachStretch(where: isChosen) { tokens throws(Failure) in
          let bytes = tokens.lowerBound * width..<tokens.upperBound * width
          try unsafe write(UnsafeRawBufferPointer(rebasing: file.bytes[bytes]))
        }
      }
    }
    writer.finish()
  }

  /// Calls `body` with the tokens of chosen rows that follow one another.
  private func forEachStretch(
    where isChosen: (RowSpool.Entry) -> Bool, _ body: (Range<Int>) throws(Failure) -> Void
  ) throws(Failure) {
    var stretch = 0..<0
    try forEach { entry, start throws(Failure) in
      guard isChosen(entry) else { return }
      if start != stretch.upperBound {
        if !stretch.isEmpty { try body(stretch) }
        stretch = start..<start
      }
      stretch = stretch.lowerBound..<start + entry.length
    }
    if !stretch.isEmpty { try body(stretch) }
  }
}
