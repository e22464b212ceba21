/// The variables of a block, inside those of the blocks around it.
///
/// A loop's turn, a macro's call and the like have scopes of their own: what they set is gone after them.
final class TemplateScope {
  private(set) var variables: [String: TemplateValue]
  private let parent: TemplateScope?

  init(_ variables: [String: TemplateValue] = [:], inside parent: TemplateScope?) {
    (self.variables, self.parent) = (variables, parent)
  }

  subscript(name: String) -> TemplateValue? {
    get {
      var scope: TemplateScope? = self
      while let current = scope {
        if let value = current.variables[name] { return value }
        scope = current.parent
      }
      return nil
    }
    set { variables[name] = newValue }
  }

  /// Macros hold the scope in which they are defined, and the scope holds them: this takes them apart.
  func clear() { variables.removeAll() }
}
