package import JSON

/// What is done with a row that has more tokens than a row may have.
package enum Truncation: String, Sendable, CaseIterable {
  /// Its end is cut off.
  case cut
  /// It is left out.
  case drop
  /// It is an error.
  case error
}

/// What the rows of a dataset depend on besides the data and the tokenizer.
package struct DatasetOptions: Sendable {
  /// How many rows of the data become validation rows.
  package enum ValidationSize: Sendable, Equatable {
    case rows(Int)
    /// About this share of the rows, from 0 to below 1; each row keeps its side when others are added.
    case fraction(Double)
  }

  /// Under which names the data has the fields of rows.
  package var fields = FieldMapping()
  package var promptStyle = PromptStyle.alpaca
  /// A template of the user's own, in place of the style.
  package var promptTemplate: PromptTemplate?
  /// Tokens that a row may have, with its special tokens.
  package var cutoffLength = 512
  package var truncation = Truncation.cut
  /// Whether a text that is too long becomes several rows.
  package var splitsLongTexts = false
  /// Whether a row that says the same as an earlier one is left out.
  package var dropsDuplicates = false
  /// Rows with fewer tokens to learn are left out.
  package var minimumSupervisedTokens = 1
  /// Whether the model learns the prompt too.
  package var trainsOnInputs = false
  /// Whether complete rows end with EOS.
  package var addsEOS = true
  /// How conversations become text.
  package var chat = ChatOptions()
  /// What stands between the documents of a plain text; nil when it is all one document.
  package var textSeparator: String?
  package var validationSize = ValidationSize.rows(0)
  /// Chooses the validation rows.
  package var seed = 0

  package init() {}

  /// What an instruction is put into.
  var template: PromptTemplate { promptTemplate ?? promptStyle.template }

  /// The options as the manifest records them, under the names of the command line.
  package var recipe: JSONObject {
    var recipe = JSONObject()
    recipe["field"] = fields.json
    recipe["prompt_style"] = promptTemplate == nil ? .string(promptStyle.rawValue) : .null
    recipe["prompt_template"] = promptTemplate?.json ?? .null
    recipe["cutoff_len"] = .integer(cutoffLength)
    recipe["truncation"] = .string(truncation.rawValue)
    recipe["split_long_texts"] = .bool(splitsLongTexts)
    recipe["deduplicate"] = .bool(dropsDuplicates)
    recipe["min_supervised_tokens"] = .integer(minimumSupervisedTokens)
    recipe["train_on_inputs"] = .bool(trainsOnInputs)
    recipe["add_eos"] = .bool(addsEOS)
    for (name, value) in chat.recipe.members { recipe[name] = value }
    recipe["text_separator"] = textSeparator.map { .string($0) } ?? .null
    switch validationSize {
    case .rows(let rows): recipe["val_set_size"] = .integer(rows)
    case .fraction(let share): recipe["val_set_size"] = .number(share)
    }
    recipe["seed"] = .integer(seed)
    return recipe
  }
}
