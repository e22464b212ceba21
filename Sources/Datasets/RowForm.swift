/// What the rows of a dataset are, as its manifest says.
package enum RowForm: String, Sendable {
  case text
  /// An instruction, perhaps with an input, and its answer.
  case instruction
  /// A prompt and what follows it, word for word.
  case prompt
  case conversation
  /// Token ids.
  case tokens
}
