import DataFormats
import Failures

/// One pass over the data: rows are read one after another, encoded by all threads, and kept in order.
struct PreparationPass {
  private let preparation: DatasetPreparation
  private let sources: SourceFiles
  private let spool: RowSpool
  private var choice: ValidationChoice
  private var statistics: RowStatistics
  private var summary = DatasetSummary()
  private var seen = Set<RowFingerprint>()
  /// Rows that are not yet a block, their bytes, and where they come from.
  private var waiting: [RawRow] = []
  private var waitingBytes = 0
  private var origin: RowOrigin?
  private var queue: EncodingQueue
  private var rowCount = 0
  /// The first row, which says what kind the others are, and where it is.
  private var first: (kind: SourceRow.Kind, place: String)?

  /// Rows, or bytes of rows, that a thread encodes at a time.
  private static let (blockRows, blockBytes) = (256, 1 << 14)

  init(_ preparation: DatasetPreparation, _ sources: SourceFiles, spool: RowSpool) throws(Failure) {
    (self.preparation, self.sources, self.spool) = (preparation, sources, spool)
    choice = ValidationChoice(preparation.options.validationSize)
    queue = EncodingQueue(
      BlockWork(preparation, needsFingerprint: choice.isNeeded || preparation.options.dropsDuplicates))
    statistics = RowStatistics(
      preparation.tokenizer, preparation.options, stopTokens: preparation.stopTokens,
      vocabularySize: preparation.vocabularySize)
    summary.sourceRows = sources.files.map { _ in 0 }
  }

  // MARK: - Reading

  mutating func read(_ progress: (DatasetPreparation.Progress) throws(Failure) -> Void) throws(Failure) {
    do throws(Failure) {
      try readFiles(progress)
    } catch {
      try takeAll()  // what is wrong with the rows before comes first
      throw error
    }
    try takeAll()
  }

  private mutating func readFiles(
    _ progress: (DatasetPreparation.Progress) throws(Failure) -> Void
  ) throws(Failure) {
    let options = preparation.options.reading
    var bytes = 0
    for (index, source) in sources.files.enumerated() {
      try source.file.forEachMember { member throws(Failure) in
        origin = RowOrigin(split: source.split(of: member), file: index)
        var rows = 0
        let isText = try member.forEachRow(options) { row throws(Failure) in
          rows += 1
          waiting.append(row)
          waitingBytes += row.byteCount
          guard waiting.count >= Self.blockRows || waitingBytes >= Self.blockBytes else { return }
          try encodeWaiting()
          try progress(report(bytes + member.bytesRead()))
        }
        try encodeWaiting()
        if isText { statistics.count(documents: rows) }
      }
      bytes += source.file.byteCount
      try progress(report(bytes))
    }
  }

  private func report(_ bytes: Int) -> DatasetPreparation.Progress {
    DatasetPreparation.Progress(bytes: bytes, totalBytes: sources.byteCount, rows: rowCount + queue.rowCount)
  }

  // MARK: - Encoding

  /// Makes a block of the rows that wait, and takes what is encoded where the queue is full.
  private mutating func encodeWaiting() throws(Failure) {
    guard let origin, !waiting.isEmpty else { return }
    queue.add(EncodingBlock(waiting, origin, byteCount: waitingBytes))
    waiting = []
    waitingBytes = 0
    while queue.isFull { try takeBlock() }
  }

  private mutating func takeAll() throws(Failure) {
    try encodeWaiting()
    while !queue.isEmpty { try takeBlock() }
  }

  /// Takes the rows of the next block, in the order of the data.
  private mutating func takeBlock() throws(Failure) {
    do throws(Failure) {
      if let (block, rows) = queue.next() { try take(rows, of: block) }
    } catch {
      queue.removeAll()
      throw error
    }
  }

  private mutating func take(_ encoded: EncodedRows, of block: EncodingBlock) throws(Failure) {
    var entries: [RowSpool.Entry] = []
    entries.reserveCapacity(encoded.pieces.count)
    for (index, row) in encoded.rows.enumerated() {
      try check(row.kind, index, of: block)
      var row = row
      if preparation.options.dropsDuplicates, let fingerprint = row.fingerprint, row.dropped != [.empty],
        !seen.insert(fingerprint).inserted
      {
        row.drop(.duplicate)
      }
      statistics.count(row, of: encoded)
      keep(row, encoded.pieces[row.pieces], block.origin, &entries)
    }
    try spool.append(encoded.tokens, entries)
    summary.sourceRows[block.origin.file] += encoded.rows.count
    if let failure = encoded.failure { throw failure }
  }

  private mutating func check(_ kind: SourceRow.Kind, _ index: Int, of block: EncodingBlock) throws(Failure) {
    if first == nil {
      first = (kind, block.raw[index].place)
      summary.unusedColumns = SourceRow.unusedColumns(block.raw[index], kind, fields: preparation.options.fields)
    }
    if let first, kind != first.kind {
      throw Failure(
        .badData,
        "\(block.raw[index].place): \(kind.title) after \(first.kind.title) (\(first.place))",
        hint: "a dataset holds rows of one kind")
    }
    if block.origin.split == .validation, preparation.options.validationSize != .rows(0) {
      throw DatasetPreparation.twoSources("from files whose names say so (\(block.raw[index].place))")
    }
  }

  private mutating func keep(
    _ row: EncodedRows.Row, _ pieces: ArraySlice<EncodedRows.Piece>, _ origin: RowOrigin,
    _ entries: inout [RowSpool.Entry]
  ) {
    defer { rowCount += 1 }
    // What is left out has no side; it counts among the training rows.
    for reason in row.dropped { summary[origin.split ?? .train].countDropped(reason) }
    guard !pieces.isEmpty else { return }
    let candidate = ValidationChoice.Candidate(key: row.fingerprint?.key ?? .max, row: rowCount)
    if origin.split == nil { choice.consider(candidate) }
    for piece in pieces {
      entries.append(
        RowSpool.Entry(
          candidate: candidate, start: spool.tokenCount + piece.tokens.lowerBound, length: piece.tokens.count,
          supervisedTokens: piece.supervisedTokens, split: origin.split, isTruncated: row.isTruncated))
    }
  }

  // MARK: - The end

  /// - Returns: what there is, all rows, and where the validation rows among them end.
  consuming func finish() throws(Failure) -> (DatasetSummary, RowSpool, ValidationChoice.Candidate) {
    let limit = choice.limit()
    var summary = summary
    try spool.forEach { entry in summary.count(entry, in: entry.side(limit)) }
    summary.form = first?.kind.form
    summary.warnings = statistics.warnings
    let idle = preparation.options.chat.flags
    if summary.form != .conversation, !idle.isEmpty {
      summary.warnings.append("\(idle.joined(separator: ", ")): without effect, for the rows are no conversations")
    }
    if choice.isNeeded, summary.validation.rows == 0 {
      summary.warnings.append("none of \(choice.count) rows fell to validation: the share is too small for so few")
    }
    return (summary, spool, limit)
  }
}

/// What a thread needs to encode rows.
struct BlockWork: Sendable {
  private let encoder: RowEncoder
  private let options: DatasetOptions
  private let vocabularySize: Int
  private let needsFingerprint: Bool

  init(_ preparation: DatasetPreparation, needsFingerprint: Bool) {
    (encoder, options) = (preparation.encoder, preparation.options)
    (vocabularySize, self.needsFingerprint) = (preparation.vocabularySize, needsFingerprint)
  }

  func encode(_ raw: [RawRow]) -> EncodedRows {
    var rows = EncodedRows(minimumSupervisedTokens: options.minimumSupervisedTokens)
    var hash = RowHash(seed: options.seed)
    do throws(Failure) {
      for index in raw.indices {
        let source = try SourceRow(raw[index], fields: options.fields, vocabularySize: vocabularySize)
        let fingerprint = needsFingerprint ? hash.fingerprint(of: source.content) : nil
        do throws(Failure) {
          try encoder.encode(source, fingerprint, into: &rows)
        } catch {
          throw Failure(error.kind, "\(raw[index].place): \(error.message)", hint: error.hint)
        }
      }
    } catch {
      rows.failure = error
    }
    return rows
  }
}
