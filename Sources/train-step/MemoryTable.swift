import StageSupport
import Training

extension MemoryPlan {
  /// The plan for people.
  var table: TextTable {
    var table = TextTable(.text("memory of a step"), .number(""))
    table.add("weights, mapped", NumberText.bytes(mapped))
    for part in parts { table.add(part.name, NumberText.bytes(part.bytes)) }
    table.add("together", NumberText.bytes(total))
    if recomputedLayers > 0 { table.add("layers gone through twice", "\(recomputedLayers)") }
    return table
  }
}
