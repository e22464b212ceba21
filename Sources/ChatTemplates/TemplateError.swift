/// What is wrong with a template or went wrong while it was rendered; whoever knows the place adds it.
struct TemplateError: Error {
  let message: String
  let hint: String?
  /// The line of the template, where it is known better than by whoever catches the error.
  let line: Int?

  init(_ message: String, hint: String? = nil, line: Int? = nil) {
    (self.message, self.hint, self.line) = (message, hint, line)
  }
}
