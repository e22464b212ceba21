package import ChatTemplates
import DataFormats
package import Failures
package import Tokenizer

/// Turns data files into the rows of a dataset: a file for each split.
///
/// The same files and options give the same bytes, whatever the number of threads. Rows go to the disk as they
/// come: memory does not grow with the data.
package struct DatasetPreparation {
  /// How far the work is: bytes of the data files that were read, and rows.
  package struct Progress: Sendable {
    package let bytes: Int
    package let totalBytes: Int
    package let rows: Int
  }

  let encoder: RowEncoder
  let options: DatasetOptions
  let tokenizer: Tokenizer?
  let stopTokens: Set<Int32>
  let vocabularySize: Int

  /// - Parameters:
  ///   - tokenizer: of the base; nil is enough for rows that come as token ids.
  ///   - templates: the base's chat templates; the options may name another.
  ///   - stopTokens: those that end an answer; nil: the tokenizer's EOS.
  ///   - vocabularySize: of the base's model: every id is below it.
  /// - Throws: `Failure.usage` for options out of range, `Failure.badData` when the tokenizer has no EOS to add, or
  ///   not the tokens of the prompt style.
  package init(
    _ options: DatasetOptions, tokenizer: Tokenizer?, templates: TemplateSet? = nil, stopTokens: Set<Int32>? = nil,
    vocabularySize: Int
  ) throws(Failure) {
    try options.check()
    let chat = try tokenizer.map { tokenizer throws(Failure) in
      try options.chat.encoder(templates, tokenizer: tokenizer)
    }
    encoder = try RowEncoder(tokenizer, options, chat: chat ?? nil, vocabularySize: vocabularySize)
    (self.options, self.tokenizer, self.vocabularySize) = (options, tokenizer, vocabularySize)
    self.stopTokens = stopTokens ?? (tokenizer?.eosID.map { [$0] } ?? [])
  }

  /// Reads the data and writes the files.
  ///
  /// - Parameters:
  ///   - data: paths of files. Where several are given, or an archive, their names may say for which split they are.
  ///   - validation: paths of files of validation rows; then none are taken from `data`.
  ///   - output: the path of a split's file; each is written, though it may have no rows.
  ///   - previewCount: how many training rows the summary shows.
  ///   - progress: called now and then; what it throws ends the work.
  /// - Throws: `Failure` naming file, line and field of what is wrong; also when nothing is left to train on.
  package func run(
    data: [String], validation: [String] = [], output: (DatasetSplit) throws(Failure) -> String,
    previewCount: Int = 0, progress: (Progress) throws(Failure) -> Void = { _ in }
  ) throws(Failure) -> DatasetSummary {
    if !validation.isEmpty, options.validationSize != .rows(0) {
      throw Self.twoSources("from files of their own")
    }
    let sources = try SourceFiles(data: data, validation: validation)
    var pass = try PreparationPass(self, sources, spool: RowSpool(try output(.train) + ".rows"))
    try pass.read(progress)
    var (summary, rows, limit) = try pass.finish()
    try check(summary, sources)
    for split in DatasetSplit.allCases {
      let counts = summary[split]
      try rows.write(to: try output(split), rows: counts.rows, tokens: counts.tokens) {
        $0.side(limit) == split
      }
    }
    summary.preview = try preview(previewCount, of: try output(.train))
    return summary
  }

  /// The texts that rows are tokenized from, in order, and of each whether it is asked where its tokens stand: what
  /// tokenizing alone would work on. Rows that come as tokens and conversations have none.
  package func forEachText(
    of data: [String], _ body: (_ text: String, _ needsSpans: Bool) -> Void
  ) throws(Failure) {
    for source in try SourceFiles(data: data, validation: []).files {
      try source.file.forEachMember { member throws(Failure) in
        try member.forEachRow(options.reading) { row throws(Failure) in
          let row = try SourceRow(row, fields: options.fields, vocabularySize: vocabularySize)
          let (text, boundary) = try encoder.text(of: row)
          body(String(decoding: text, as: UTF8.self), boundary > 0)
        }
      }
    }
  }

  static func twoSources(_ other: String) -> Failure {
    Failure(
      .usage, "validation rows come \(other) or are taken from the data, not both",
      hint: "leave out --val-set-size or the files of validation rows")
  }

  private func preview(_ count: Int, of path: String) throws(Failure) -> [RowPreview] {
    guard count > 0 else { return [] }
    let rows = try TokenRows(path, vocabularySize: vocabularySize)
    return (0..<min(count, rows.count)).map { RowPreview(rows[$0], tokenizer) }
  }

  private func check(_ summary: DatasetSummary, _ sources: SourceFiles) throws(Failure) {
    if summary.train.rows == 0, summary.validation.rows > 0, options.validationSize != .rows(0) {
      throw Failure(
        .badData,
        "\(sources.dataName): --val-set-size leaves none of \(summary.validation.rows) rows to train on",
        hint: "make it smaller")
    }
    if summary.train.rows + summary.train.droppedRows == 0, summary[.test].rows > 0 {
      throw Failure(
        .badData, "\(sources.dataName): by the names of their files all \(summary[.test].rows) rows are for testing",
        hint: "name a file with rows to train on too, or rename this one")
    }
    try checkNotEmpty(summary.train, sources.dataName)
    if let name = sources.validationName { try checkNotEmpty(summary.validation, name) }
  }

  private func checkNotEmpty(_ split: SplitSummary, _ name: String) throws(Failure) {
    guard split.rows == 0 else { return }
    guard split.droppedRows > 0 else {
      throw Failure(.badData, "\(name): the file has no rows", hint: "the download or whatever wrote it may have failed")
    }
    let reasons = DropReason.allCases.compactMap { reason in split.dropped[reason].map { "\($0) \(reason.words)" } }
    throw Failure(
      .badData,
      "\(name): none of \(split.droppedRows) rows is left to learn from: \(reasons.joined(separator: ", "))",
      hint: "check that the rows have an answer, and --cutoff-len (\(options.cutoffLength)), --truncation, "
        + "--min-supervised-tokens and --deduplicate")
  }
}

extension DatasetOptions {
  /// What reading the data must know.
  var reading: DataMember.Options { DataMember.Options(textSeparator: textSeparator, columns: fields.columns) }

  /// - Throws: `Failure.usage` for what is out of range.
  fileprivate func check() throws(Failure) {
    guard (2...1 << 30).contains(cutoffLength) else {
      throw Failure(.usage, "the cutoff length must be from 2 to \(1 << 30) tokens, found \(cutoffLength)")
    }
    guard minimumSupervisedTokens >= 1 else {
      throw Failure(
        .usage, "rows must have at least 1 token to learn, found \(minimumSupervisedTokens) as the minimum")
    }
    if let textSeparator, textSeparator.utf8.isEmpty {
      throw Failure(.usage, "the text separator is empty")
    }
    let isValid =
      switch validationSize {
      case .rows(let rows): rows >= 0
      case .fraction(let share): share >= 0 && share < 1
      }
    guard isValid else {
      throw Failure(
        .usage,
        "the validation set's size must be a number of rows, or a share of them below 1, found \(validationSize)")
    }
  }
}
