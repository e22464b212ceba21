import DataFormats
import Failures

/// One pass over the data: rows are read one after another, encoded by all threads, and kept in order.
struct PreparationPass {
  private struct Origin {
    let split: DatasetSplit?
    /// Among the data files.
    let file: Int
  }

  private let preparation: DatasetPreparation
  private let sources: SourceFiles
  private let spool: RowSpool
  private var choice: ValidationChoice
  private var statistics: RowStatistics
  private var summary = DatasetSummary()
  private var seen = Set<RowFingerprint>()
  /// Rows that wait to be encoded, where each comes from, and their bytes.
  private var (waiting, origins): ([RawRow], [Origin]) = ([], [])
  private var waitingBytes = 0
  /// Rows that are being encoded.
  private var encoding: (block: EncodingBlock, origins: [Origin])?
  private let work: BlockWork
  private var rowCount = 0
  /// The first row, which says what kind the others are, and where it is.
  private var first: (kind: SourceRow.Kind, place: String)?

  /// Rows, or bytes of rows, that are encoded together.
  private static let (blockRows, blockBytes) = (1024, 4 << 20)

  init(_ preparation: DatasetPreparation, _ sources: SourceFiles, spool: RowSpool) throws(Failure) {
    (self.preparation, self.sources, self.spool) = (preparation, sources, spool)
    choice = ValidationChoice(preparation.options.validationSize)
    work = BlockWork(preparation, needsFingerprint: choice.isNeeded || preparation.options.dropsDuplicates)
    statistics = RowStatistics(
      preparation.tokenizer, preparation.options, vocabularySize: preparation.vocabularySize)
    summary.sourceRows = sources.files.map { _ in 0 }
  }

  // MARK: - Reading

  mutating func read(
    _ progress: (DatasetPreparation.Progress) throws(Failure) -> Void
  ) throws(Failure) {
    let options = preparation.options.reading
    var bytes = 0
    for (index, source) in sources.files.enumerated() {
      try source.file.forEachMember { member throws(Failure) in
        let split = source.split(of: member)
        var rows = 0
        let isText = try member.forEachRow(options) { row throws(Failure) in
          rows += 1
          waiting.append(row)
          origins.append(Origin(split: split, file: index))
          waitingBytes += row.byteCount
          guard waiting.count >= Self.blockRows || waitingBytes >= Self.blockBytes else { return }
          try encodeBlock()
          try progress(report(bytes + member.bytesRead()))
        }
        if isText { statistics.count(documents: rows) }
      }
      bytes += source.file.byteCount
      try encodeBlock()
      try progress(report(bytes))
    }
    try encodeBlock()
  }

  private func report(_ bytes: Int) -> DatasetPreparation.Progress {
    DatasetPreparation.Progress(bytes: bytes, totalBytes: sources.byteCount, rows: rowCount + (encoding?.origins.count ?? 0))
  }

  // MARK: - Encoding

  /// Has the rows that wait encoded, and takes those of the block before meanwhile.
  private mutating func encodeBlock() throws(Failure) {
    let next = waiting.isEmpty ? nil : (EncodingBlock(waiting, work), origins)
    if let (block, origins) = encoding {
      try block.forEachRow { index, row throws(Failure) in
        try take(row, origins[index], place: block.raw[index].place)
      }
    }
    encoding = next
    (waiting, origins) = ([], [])
    waitingBytes = 0
  }

  /// Takes the next row, in the order of the data.
  private mutating func take(
    _ encoded: EncodedRow, _ origin: Origin, place: @autoclosure () -> String
  ) throws(Failure) {
    var encoded = encoded
    let first = first ?? (encoded.kind, place())
    guard encoded.kind == first.kind else {
      throw Failure(
        .badData,
        "\(place()): a row with '\(encoded.kind.rawValue)' among rows with '\(first.kind.rawValue)' (\(first.place))",
        hint: "a dataset holds rows of one kind")
    }
    self.first = first
    if origin.split == .validation, preparation.options.validationSize != .rows(0) {
      throw DatasetPreparation.twoSources("from files whose names say so (\(place()))")
    }
    if preparation.options.dropsDuplicates, let fingerprint = encoded.fingerprint,
      encoded.dropped != [.empty], !seen.insert(fingerprint).inserted
    {
      encoded.drop(.duplicate)
    }
    statistics.count(encoded)
    try keep(encoded, origin)
    summary.sourceRows[origin.file] += 1
    rowCount += 1
  }

  private mutating func keep(_ encoded: EncodedRow, _ origin: Origin) throws(Failure) {
    // What is left out has no side; it counts among the training rows.
    for reason in encoded.dropped { summary[origin.split ?? .train].countDropped(reason) }
    guard !encoded.rows.isEmpty else { return }
    let candidate = ValidationChoice.Candidate(key: encoded.fingerprint?.key ?? .max, row: rowCount)
    if origin.split == nil { choice.consider(candidate) }
    for row in encoded.rows {
      try spool.append(row, of: candidate, split: origin.split, isTruncated: encoded.isTruncated)
    }
  }

  // MARK: - The end

  /// - Returns: what there is, all rows, and where the validation rows among them end.
  consuming func finish() throws(Failure) -> (DatasetSummary, SpooledRows, ValidationChoice.Candidate) {
    let rows = try spool.finish()
    let limit = choice.limit()
    var summary = summary
    try rows.forEach { entry, _ in summary.count(entry, in: entry.side(limit)) }
    summary.isPretokenized = first?.kind == .tokens
    summary.warnings = statistics.warnings
    if choice.isNeeded, summary.validation.rows == 0 {
      summary.warnings.append("none of \(choice.count) rows fell to validation: the share is too small for so few")
    }
    return (summary, rows, limit)
  }
}

/// What a thread needs to encode a row.
struct BlockWork: Sendable {
  private let encoder: RowEncoder
  private let options: DatasetOptions
  private let vocabularySize: Int
  private let needsFingerprint: Bool

  init(_ preparation: DatasetPreparation, needsFingerprint: Bool) {
    (encoder, options) = (preparation.encoder, preparation.options)
    (vocabularySize, self.needsFingerprint) = (preparation.vocabularySize, needsFingerprint)
  }

  func encode(_ raw: RawRow) throws(Failure) -> EncodedRow {
    let row = try SourceRow(raw, fields: options.fields, vocabularySize: vocabularySize)
    var encoded = try encoder.encode(row)
    if needsFingerprint { encoded.fingerprint = RowFingerprint(row.content, seed: options.seed) }
    return encoded
  }
}
