package import ChatTemplates
package import Failures
package import Tokenizer

/// Turns data files into the rows of a dataset: train.safetensors and validation.safetensors.
///
/// The same files and options give the same bytes.
package struct DatasetPreparation {
  /// How far the work is: bytes of the data files that were read, and rows.
  package struct Progress: Sendable {
    package let bytes: Int
    package let totalBytes: Int
    package let rows: Int
  }

  private let encoder: RowEncoder
  private let options: DatasetOptions
  private let tokenizer: Tokenizer?
  private let vocabularySize: Int

  /// Rows between two reports of progress.
  private static let reportInterval = 256

  /// - Parameters:
  ///   - tokenizer: of the base; nil is enough for rows that come as token ids.
  ///   - templates: the base's chat templates; the options may name another.
  ///   - vocabularySize: of the base's model: every id is below it.
  /// - Throws: `Failure.usage` for options out of range, `Failure.badData` when the tokenizer has no EOS to add.
  package init(
    _ options: DatasetOptions, tokenizer: Tokenizer?, templates: TemplateSet? = nil, vocabularySize: Int
  ) throws(Failure) {
    guard options.cutoffLength >= 2 else {
      throw Failure(.usage, "the cutoff length must be at least 2 tokens, found \(options.cutoffLength)")
    }
    if let separator = options.textSeparator, separator.utf8.isEmpty {
      throw Failure(.usage, "the text separator is empty")
    }
    try Self.check(options.validationSize)
    let chat = try tokenizer.map { tokenizer throws(Failure) in
      try options.chat.encoder(templates, tokenizer: tokenizer)
    }
    encoder = try RowEncoder(tokenizer, options, chat: chat ?? nil, vocabularySize: vocabularySize)
    (self.options, self.tokenizer, self.vocabularySize) = (options, tokenizer, vocabularySize)
  }

  private static func check(_ size: DatasetOptions.ValidationSize) throws(Failure) {
    let isValid =
      switch size {
      case .rows(let rows): rows >= 0
      case .fraction(let share): share >= 0 && share < 1
      }
    guard isValid else {
      throw Failure(
        .usage,
        "the validation set's size must be a number of rows, or a share of them below 1, found \(size)")
    }
  }

  /// Reads the data and writes both files.
  ///
  /// - Parameters:
  ///   - validationPath: a file of validation rows; then none are taken from `dataPath`.
  ///   - previewCount: how many training rows the summary shows.
  ///   - progress: called every few hundred rows; what it throws ends the work.
  /// - Throws: `Failure` naming file, line and field of what is wrong; also when nothing is left to train on.
  package func run(
    dataPath: String, validationPath: String? = nil, trainFile: String, validationFile: String,
    previewCount: Int = 0, progress: (Progress) throws(Failure) -> Void = { _ in }
  ) throws(Failure) -> DatasetSummary {
    if validationPath != nil, options.validationSize != .rows(0) {
      throw Failure(
        .usage, "validation rows come from a file of their own or are taken from the data, not both",
        hint: "leave out --val-set-size or --val-data-path")
    }
    var files = [try DataFile(dataPath)]
    if let validationPath { files.append(try DataFile(validationPath)) }
    var reading = Reading(totalBytes: files.reduce(0) { $0 + $1.byteCount })
    var rows: [[RowEncoder.EncodedRow]] = []
    for file in files { rows.append(try read(file, &reading, progress)) }
    let (train, validation) = rows.count > 1 ? (rows[0], rows[1]) : try split(rows[0], dataPath)
    var summary = DatasetSummary()
    (summary.sourceRows, summary.isPretokenized) = (rows.map(\.count), reading.first?.kind == .tokens)
    for row in train { summary.train.count(row) }
    for row in validation { summary.validation.count(row) }
    try checkNotEmpty(summary.train, dataPath)
    if let validationPath { try checkNotEmpty(summary.validation, validationPath) }
    summary.warnings = warnings(train + validation, files)
    let kept = train.filter(\.isSupervised).map(\.row)
    summary.preview = kept.prefix(previewCount).map { RowPreview($0, tokenizer) }
    try TokenRows.write(kept, to: trainFile)
    try TokenRows.write(validation.filter(\.isSupervised).map(\.row), to: validationFile)
    return summary
  }
}

// MARK: - Reading

extension DatasetPreparation {
  /// How far the files are read.
  private struct Reading {
    let totalBytes: Int
    var bytes = 0
    var rows = 0
    /// The first row, which says what kind the others are.
    var first: SourceRow?
  }

  private func read(
    _ file: DataFile, _ reading: inout Reading, _ progress: (Progress) throws(Failure) -> Void
  ) throws(Failure) -> [RowEncoder.EncodedRow] {
    var rows: [RowEncoder.EncodedRow] = []
    try file.forEachRow(vocabularySize: vocabularySize, separator: options.textSeparator) {
      row, bytes throws(Failure) in
      let first = reading.first ?? row
      guard row.kind == first.kind else {
        throw Failure(
          .badData,
          "\(row.place): a row with '\(row.kind.rawValue)' among rows with '\(first.kind.rawValue)' (\(first.place))",
          hint: "a dataset holds rows of one kind")
      }
      reading.first = first
      rows.append(try encoder.encode(row))
      reading.rows += 1
      if reading.rows % Self.reportInterval == 0 {
        try progress(
          Progress(bytes: reading.bytes + bytes, totalBytes: reading.totalBytes, rows: reading.rows))
      }
    }
    reading.bytes += file.byteCount
    try progress(Progress(bytes: reading.bytes, totalBytes: reading.totalBytes, rows: reading.rows))
    return rows
  }

  private func split(
    _ rows: [RowEncoder.EncodedRow], _ path: String
  ) throws(Failure) -> (train: [RowEncoder.EncodedRow], validation: [RowEncoder.EncodedRow]) {
    let count =
      switch options.validationSize {
      case .rows(let count): count
      case .fraction(let share): Int((share * Double(rows.count)).rounded())
      }
    guard count == 0 || count < rows.count else {
      throw Failure(
        .badData, "\(path): \(count) validation rows leave nothing of \(rows.count) rows to train on",
        hint: "make --val-set-size smaller")
    }
    let isValidation = ValidationSplit.choose(count, of: rows.count, seed: options.seed)
    let chosen = zip(rows, isValidation)
    return (chosen.filter { !$1 }.map(\.0), chosen.filter { $1 }.map(\.0))
  }

  private func checkNotEmpty(_ split: SplitSummary, _ path: String) throws(Failure) {
    guard split.rows == 0 else { return }
    guard split.droppedRows > 0 else { throw Failure(.badData, "\(path): the file has no rows") }
    throw Failure(
      .badData,
      "\(path): none of \(split.droppedRows) rows has a token to learn within \(options.cutoffLength) tokens",
      hint: "raise --cutoff-len, or check that the rows have an answer")
  }

  private func warnings(_ rows: [RowEncoder.EncodedRow], _ files: [DataFile]) -> [String] {
    var warnings: [String] = []
    let straddling = rows.count { $0.straddles }
    if straddling > 0 {
      warnings.append(
        "in \(straddling) rows a token reaches from the prompt into the answer; it is not learned")
    }
    if rows.count == files.count, files[0].format == .text, rows.contains(where: \.isTruncated) {
      warnings.append(
        "the text is one document, of which only \(options.cutoffLength) tokens are used; "
          + "say with --text-separator what stands between documents")
    }
    return warnings
  }
}
