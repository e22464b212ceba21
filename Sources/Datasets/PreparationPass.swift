import DataFormats
import Failures
import Synchronization
import Tensor

/// One pass over the data: rows are read one after another, encoded by all threads, and kept in order.
struct PreparationPass {
  private struct Unit {
    let row: RawRow
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
  /// Rows that wait to be encoded, and their bytes.
  private var units: [Unit] = []
  private var unitBytes = 0
  private var rowCount = 0
  /// The first row, which says what kind the others are.
  private var first: EncodedRow?

  /// Rows, or bytes of rows, that are encoded together.
  private static let (blockRows, blockBytes) = (1024, 4 << 20)
  /// Rows that a thread takes at a time.
  private static let chunkRows = 16

  init(_ preparation: DatasetPreparation, _ sources: SourceFiles, spool: RowSpool) throws(Failure) {
    (self.preparation, self.sources, self.spool) = (preparation, sources, spool)
    choice = ValidationChoice(preparation.options.validationSize)
    statistics = RowStatistics(
      preparation.tokenizer, preparation.options, vocabularySize: preparation.vocabularySize)
    summary.sourceRows = sources.files.map { _ in 0 }
  }

  // MARK: - Reading

  mutating func read(
    _ progress: (DatasetPreparation.Progress) throws(Failure) -> Void
  ) throws(Failure) {
    let options = DataMember.Options(
      textSeparator: preparation.options.textSeparator, columns: preparation.options.fields.columns)
    var bytes = 0
    for (index, source) in sources.files.enumerated() {
      try source.file.forEachMember { member throws(Failure) in
        let split = source.split(of: member)
        var rows = 0
        let isText = try member.forEachRow(options) { row throws(Failure) in
          rows += 1
          units.append(Unit(row: row, split: split, file: index))
          unitBytes += row.byteCount
          guard units.count >= Self.blockRows || unitBytes >= Self.blockBytes else { return }
          try encodeBlock()
          try progress(report(bytes + member.bytesRead()))
        }
        if isText { statistics.count(documents: rows) }
      }
      bytes += source.file.byteCount
      try encodeBlock()
      try progress(report(bytes))
    }
  }

  private func report(_ bytes: Int) -> DatasetPreparation.Progress {
    DatasetPreparation.Progress(bytes: bytes, totalBytes: sources.byteCount, rows: rowCount)
  }

  // MARK: - Encoding

  private mutating func encodeBlock() throws(Failure) {
    let rows = units.map(\.row)
    let results = Mutex([Result<EncodedRow, Failure>?](repeating: nil, count: rows.count))
    let work = BlockWork(preparation, needsFingerprint: choice.isNeeded || preparation.options.dropsDuplicates)
    Parallel.forEachRange(of: rows.count, by: Self.chunkRows) { range in
      let part = rows[range].map { row in Result { () throws(Failure) in try work.encode(row) } }
      results.withLock { $0.replaceSubrange(range, with: part) }
    }
    for (unit, result) in zip(units, results.withLock { $0 }) {
      guard let result else { preconditionFailure("a row was not encoded") }
      try take(try result.get(), unit)
    }
    units.removeAll(keepingCapacity: true)
    unitBytes = 0
  }

  /// Takes the next row, in the order of the data.
  private mutating func take(_ encoded: EncodedRow, _ unit: Unit) throws(Failure) {
    var encoded = encoded
    let first = first ?? encoded
    guard encoded.kind == first.kind else {
      throw Failure(
        .badData,
        "\(encoded.place): a row with '\(encoded.kind.rawValue)' among rows with '\(first.kind.rawValue)' (\(first.place))",
        hint: "a dataset holds rows of one kind")
    }
    self.first = first
    if unit.split == .validation, preparation.options.validationSize != .rows(0) {
      throw DatasetPreparation.twoSources("from files whose names say so (\(encoded.place))")
    }
    if preparation.options.dropsDuplicates, let fingerprint = encoded.fingerprint,
      encoded.dropped != [.empty], !seen.insert(fingerprint).inserted
    {
      encoded.drop(.duplicate)
    }
    statistics.count(encoded)
    try keep(encoded, unit)
    summary.sourceRows[unit.file] += 1
    rowCount += 1
  }

  private mutating func keep(_ encoded: EncodedRow, _ unit: Unit) throws(Failure) {
    // What is left out has no side; it counts among the training rows.
    for reason in encoded.dropped { summary[unit.split ?? .train].countDropped(reason) }
    guard !encoded.rows.isEmpty else { return }
    let candidate = ValidationChoice.Candidate(key: encoded.fingerprint?.key ?? .max, row: rowCount)
    if unit.split == nil { choice.consider(candidate) }
    for row in encoded.rows {
      try spool.append(row, of: candidate, split: unit.split, isTruncated: encoded.isTruncated)
    }
  }

  // MARK: - The end

  /// - Returns: what there is, all rows, and where the validation rows among them end.
  consuming func finish() throws(Failure) -> (DatasetSummary, SpooledRows, ValidationChoice.Candidate) {
    let rows = try spool.finish()
    let limit = choice.limit()
    var summary = summary
    try rows.forEach { entry, _ in summary[entry.side(limit)].count(entry) }
    summary.isPretokenized = first?.kind == .tokens
    summary.warnings = statistics.warnings
    if choice.isNeeded, summary.validation.rows == 0 {
      summary.warnings.append("none of \(choice.count) rows fell to validation: the share is too small for so few")
    }
    return (summary, rows, limit)
  }
}

/// What a thread needs to encode a row.
private struct BlockWork: Sendable {
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
