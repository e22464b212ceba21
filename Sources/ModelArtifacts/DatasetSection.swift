import Artifacts
import Checkpoint
package import Datasets
package import Failures
package import JSON
import Tokenizer

extension DatasetArtifact {
  /// The manifest's section of a dataset that was just prepared.
  ///
  /// - Parameters:
  ///   - sources: the data file, and the validation file if there is one.
  package static func section(
    _ summary: DatasetSummary, options: DatasetOptions, base: BaseModel, sources: [DataSource]
  ) throws(Failure) -> JSONObject {
    let tokenizer = try base.hasTokenizer ? base.tokenizer() : nil
    let id = { (id: Int32?) in id.map { JSON.integer(Int($0)) } ?? .null }
    return [
      "tokenizer_sha256": summary.isPretokenized
        ? .null : try base.artifact.section.field("tokenizer_sha256").value,
      "vocab_size": .integer(base.configuration.vocabularySize), "recipe": .object(options.recipe),
      "special_tokens": [
        "bos": id(tokenizer?.bosID), "eos": id(tokenizer?.eosID), "pad": id(tokenizer?.padID),
      ],
      "train": .object(summary.train.json), "validation": .object(summary.validation.json),
      "sources": .array(zip(sources, summary.sourceRows).map { $0.json(rows: $1) }),
    ]
  }
}
