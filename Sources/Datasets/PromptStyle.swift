/// How an instruction and its input become the prompt that the model reads.
package enum PromptStyle: String, Sendable, CaseIterable {
  /// Stanford Alpaca's preamble and headings.
  case alpaca
  /// The headings alone.
  case plain

  /// The prompt, up to where the answer begins.
  ///
  /// - Parameter input: what the instruction is about; when empty, its section is left out.
  package func prompt(instruction: String, input: String) -> String {
    let headings =
      input.utf8.isEmpty
      ? "### Instruction:\n\(instruction)\n\n### Response:\n"
      : "### Instruction:\n\(instruction)\n\n### Input:\n\(input)\n\n### Response:\n"
    guard self == .alpaca else { return headings }
    let context = input.utf8.isEmpty ? "" : ", paired with an input that provides further context"
    return "Below is an instruction that describes a task\(context). "
      + "Write a response that appropriately completes the request.\n\n\(headings)"
  }
}
