package import Failures
package import Tokenizer

/// How an instruction and its input become the prompt that the model reads: the styles that have a name.
package enum PromptStyle: String, Sendable, CaseIterable {
  /// Stanford Alpaca's preamble and headings.
  case alpaca
  /// The headings alone.
  case plain
  /// Turns between `<|im_start|>` and `<|im_end|>`, as Qwen and SmolLM have them.
  case chatml
  /// Turns under headers and before `<|eot_id|>`, as Llama 3 has them.
  case llama3

  /// - Throws: `Failure.badData` when the tokenizer has not the tokens that the style is made of.
  package func check(_ tokenizer: Tokenizer) throws(Failure) {
    if let unknown = template.specialTokens.first(where: { tokenizer.tokenID(of: $0) == nil }) {
      throw Failure(
        .badData, "the tokenizer has no token '\(unknown)', which the prompt style '\(self)' is made of",
        hint: "choose another --prompt-style")
    }
  }

  package var template: PromptTemplate {
    switch self {
    case .alpaca:
      PromptTemplate(
        withInput: Self.preamble(", paired with an input that provides further context") + Self.headings(true),
        withoutInput: Self.preamble("") + Self.headings(false))
    case .plain: PromptTemplate(withInput: Self.headings(true), withoutInput: Self.headings(false))
    case .chatml:
      PromptTemplate(
        withInput: Self.chatML("{instruction}\n\n{input}"), withoutInput: Self.chatML("{instruction}"),
        ending: "<|im_end|>", specialTokens: ["<|im_start|>", "<|im_end|>"])
    case .llama3:
      PromptTemplate(
        withInput: Self.llama3("{instruction}\n\n{input}"), withoutInput: Self.llama3("{instruction}"),
        ending: "<|eot_id|>", specialTokens: ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"])
    }
  }

  private static func preamble(_ context: String) -> String {
    "Below is an instruction that describes a task\(context). "
      + "Write a response that appropriately completes the request.\n\n"
  }

  private static func headings(_ hasInput: Bool) -> String {
    "### Instruction:\n{instruction}\n\n" + (hasInput ? "### Input:\n{input}\n\n" : "") + "### Response:\n"
  }

  private static func chatML(_ turn: String) -> String {
    "<|im_start|>user\n\(turn)<|im_end|>\n<|im_start|>assistant\n"
  }

  private static func llama3(_ turn: String) -> String {
    let header = { (role: String) in "<|start_header_id|>\(role)<|end_header_id|>\n\n" }
    return header("user") + turn + "<|eot_id|>" + header("assistant")
  }
}
