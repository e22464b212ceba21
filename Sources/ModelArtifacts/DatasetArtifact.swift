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

  /// The rows of a split, checked against the model that is to read them.
  /// - Throws: `Failure.badData` when the split is empty, or was tokenized for another model.
  package static func rows(_ artifact: Artifact, split: String, for base: BaseModel) throws(Failure) -> TokenRows {
    let section = artifact.section
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
    guard try rowCount(artifact, split: split) > 0 else {
      throw Failure(
        .badData, "the dataset '\(artifact.directory)' has no \(split) rows",
        hint: split == "validation"
          ? "prepare it with a number of rows as --val-set-size (a share of few rows may come to none), with --val-data-path, "
            + "or from files whose names say 'validation'" : nil)
    }
    let file = file(of: split)
    let rows = try TokenRows(try artifact.path(of: file), vocabularySize: try vocabulary.integer())
    try section.field(split).require(rows.facts, as: file)
    return rows
  }
}
