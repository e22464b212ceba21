package import JSON

/// What the rows of a dataset depend on besides the data and the tokenizer.
package struct DatasetOptions: Sendable {
  /// How many rows of the data become validation rows.
  package enum ValidationSize: Sendable, Equatable {
    case rows(Int)
    /// A share of the rows, from 0 to below 1, rounded to the nearest whole number of them.
    case fraction(Double)
  }

  package var promptStyle = PromptStyle.alpaca
  /// Tokens that a row may have, with its special tokens.
  package var cutoffLength = 512
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

  /// The options as the manifest records them, under the names of the command line.
  package var recipe: JSONObject {
    var recipe = JSONObject()
    recipe["prompt_style"] = .string(promptStyle.rawValue)
    recipe["cutoff_len"] = .integer(cutoffLength)
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
