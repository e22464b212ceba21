/// What a loop's body knows as `loop`.
final class LoopState {
  let elements: [TemplateValue]
  let depth0: Int
  /// The turn that runs, counted from 0.
  var index0 = 0
  /// What `loop.changed` was asked about last.
  private var last: [TemplateValue]?
  /// Runs the loop's body over other elements and gives its text, in a recursive loop.
  let recurse: ((TemplateValue, Int) throws(TemplateError) -> TemplateValue)?

  init(
    _ elements: [TemplateValue], depth0: Int,
    recurse: ((TemplateValue, Int) throws(TemplateError) -> TemplateValue)?
  ) {
    (self.elements, self.depth0, self.recurse) = (elements, depth0, recurse)
  }

  func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "index": .integer(index0 + 1)
    case "index0": .integer(index0)
    case "revindex": .integer(elements.count - index0)
    case "revindex0": .integer(elements.count - index0 - 1)
    case "first": .bool(index0 == 0)
    case "last": .bool(index0 == elements.count - 1)
    case "length": .integer(elements.count)
    case "depth": .integer(depth0 + 1)
    case "depth0": .integer(depth0)
    case "previtem": index0 > 0 ? elements[index0 - 1] : .undefined("there is no previous item")
    case "nextitem": index0 + 1 < elements.count ? elements[index0 + 1] : .undefined("there is no next item")
    case "cycle": .function(cycle)
    case "changed": .function(changed)
    default: nil
    }
  }

  private var cycle: TemplateFunction {
    TemplateFunction("cycle") { [index0] arguments throws(TemplateError) in
      guard !arguments.positional.isEmpty else { throw TemplateError("cycle() has nothing to cycle through") }
      return arguments.positional[index0 % arguments.positional.count]
    }
  }

  private var changed: TemplateFunction {
    TemplateFunction("changed") { [self] arguments throws(TemplateError) in
      defer { last = arguments.positional }
      return .bool(!TemplateValue.list(last ?? [.undefined("")]).equals(.list(arguments.positional)))
    }
  }
}
