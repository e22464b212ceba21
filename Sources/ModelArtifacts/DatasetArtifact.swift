import Checkpoint
package import Artifacts
package import Datasets
package import Failures
import JSON

/// A `dataset` artifact as rows of tokens.
package enum DatasetArtifact {
  /// The file with the rows of a split.
  package static func file(of split: String) -> String { split + ".safetensors" }

  /// How many rows a split has: "train", "validation" or "test".
  package static func rowCount(_ artifact: Artifact, split: String) throws(Failure) -> Int {
    try artifact.section.field(split).field("rows").integer(in: 0...)
  }

  /// Refuses a dataset that was tokenized for another model.
  private static func check(_ section: JSONCursor, for base: BaseModel) throws(Failure) {
    let vocabulary = try section.field("vocab_size")
    guard try vocabulary.integer() <= base.configuration.vocabularySize else {
      throw vocabulary.failure(
        "the dataset's vocabulary is larger than the model's \(base.configuration.vocabularySize)",
        hint: "prepare the data with this base")
    }
    if let tokenizer = try section.optional("tokenizer_sha256"),
      let own = try base.artifact.section.optional("tokenizer_sha256"), try tokenizer.string() != own.string()
    {
      throw tokenizer.failure(
        "the dataset was tokenized with another tokenizer than that of '\(base.artifact.directory)'",
        hint: "prepare the data with this base")
    }
  }

  /// The form in which a model that learned the rows is asked.
  /// - Throws: `Failure.badData` when they came as token ids, or were tokenized for another model.
  package static func promptForm(_ artifact: Artifact, for base: BaseModel) throws(Failure) -> PromptForm {
    try check(artifact.section, for: base)
    return try PromptForm(artifact.section)
  }

  /// The rows of a split, checked against the model that is to read them.
  /// - Throws: `Failure.badData` when the split is empty, or was tokenized for another model.
  package static func rows(_ artifact: Artifact, split: String, for base: BaseModel) throws(Failure) -> TokenRows {
    let section = artifact.section
    try check(section, for: base)
    guard try rowCount(artifact, split: split) > 0 else {
      throw Failure(
        .badData, "the dataset '\(artifact.directory)' has no \(split) rows",
        hint: split == "validation"
          ? "prepare it with a number of rows as --val-set-size (a share of few rows may come to none), with --val-data-path, "
            + "or from files whose names say 'validation'" : nil)
    }
    let file = file(of: split)
    let rows = try TokenRows(try artifact.path(of: file), vocabularySize: try section.field("vocab_size").integer())
    try section.field(split).require(rows.facts, as: file)
    return rows
  }
}
