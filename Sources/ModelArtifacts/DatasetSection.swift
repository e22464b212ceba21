import Artifacts
import ChatTemplates
import Checkpoint
package import Datasets
package import Failures
package import JSON
import Tokenizer

extension DatasetArtifact {
  /// The manifest's section of a dataset that was just prepared.
  ///
  /// - Parameters:
  ///   - sources: the data files, those of validation rows last.
  package static func section(
    _ summary: DatasetSummary, options: DatasetOptions, base: BaseModel, sources: [DataSource]
  ) throws(Failure) -> JSONObject {
    let tokenizer = try base.hasTokenizer ? base.tokenizer() : nil
    var recipe = options.recipe
    if summary.form == .conversation, options.chat.template == nil {
      // So that the rows tell by themselves how they were written.
      recipe["chat_template"] = try base.chatTemplates().map { .string($0.template(hasTools: false).source) } ?? .null
    }
    let id = { (id: Int32?) in id.map { JSON.integer(Int($0)) } ?? .null }
    var section: JSONObject = [
      "row_form": summary.form.map { .string($0.rawValue) } ?? .null,
      "tokenizer_sha256": summary.form == .tokens
        ? .null : try base.artifact.section.field("tokenizer_sha256").value,
      "vocab_size": .integer(base.configuration.vocabularySize), "recipe": .object(recipe),
      "special_tokens": [
        "bos": id(tokenizer?.bosID), "eos": id(tokenizer?.eosID), "pad": id(tokenizer?.padID),
      ],
      "sources": .array(zip(sources, summary.sourceRows).map { $0.json(rows: $1) }),
    ]
    for split in DatasetSplit.allCases { section[split.rawValue] = .object(summary[split].json) }
    return section
  }
}
