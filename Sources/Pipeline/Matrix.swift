import Failures

/// The axes along which a stage is repeated, and the values on each.
struct Matrix: Sendable {
  typealias Cell = [(axis: String, value: String)]

  /// One combination of values after the other, the last axis fastest.
  private(set) var cells: [Cell] = [[]]

  init() {}

  /// Reads `{method: [randlora, lora], rank: [4, 8], exclude: [{method: lora, rank: 8}]}`.
  init(_ cursor: YAMLCursor, variables: Variables) throws(Failure) {
    var excluded: [Cell] = []
    for (axis, keyCursor, value) in try cursor.members() {
      if axis == "exclude" {
        for element in try value.elements() { excluded.append(try Self.cell(element, variables)) }
        continue
      }
      guard !axis.isEmpty, axis.utf8.allSatisfy(\.isNameByte) else {
        throw keyCursor.failure("'\(axis)' is no name for an axis: letters, digits, '_' and '-' only")
      }
      var values: [String] = []
      for element in try value.elements() {
        let text = try variables.text(of: element)
        if values.contains(text) { throw element.failure("the value '\(text)' appears twice") }
        values.append(text)
      }
      guard !values.isEmpty else { throw value.failure("the axis '\(axis)' has no values") }
      guard cells.count * values.count <= 10_000 else {
        throw cursor.failure("a matrix of more than 10000 cells")
      }
      cells = cells.flatMap { cell in values.map { cell + [(axis, $0)] } }
    }
    cells.removeAll { cell in excluded.contains { Self.agree($0, cell) } }
    if cells.isEmpty { throw cursor.failure("the matrix has no cell left") }
  }

  private static func cell(_ cursor: YAMLCursor, _ variables: Variables) throws(Failure) -> Cell {
    var cell: Cell = []
    for (axis, _, value) in try cursor.members() { cell.append((axis, try variables.text(of: value))) }
    return cell
  }

  /// Whether two cells have the same values on the axes that both have.
  static func agree(_ left: Cell, _ right: Cell) -> Bool {
    left.allSatisfy { axis, value in right.allSatisfy { $0.axis != axis || $0.value == value } }
  }

  /// Repeats these cells along the cells of a stage that is read, joined where axes are shared.
  mutating func join(_ other: [Cell]) {
    cells = cells.flatMap { cell in
      other.filter { Self.agree($0, cell) }.map { joined in
        cell + joined.filter { entry in !cell.contains { $0.axis == entry.axis } }
      }
    }
    // Two cells of the other stage that differ only on axes kept apart by nothing here are one.
    var seen = Set<String>()
    cells = cells.filter { seen.insert(Self.name($0)).inserted }
  }

  /// The cell's part of a stage's name: `[method=lora,rank=8]`, empty without axes.
  static func name(_ cell: Cell) -> String {
    cell.isEmpty ? "" : "[\(cell.map { "\($0.axis)=\($0.value)" }.joined(separator: ","))]"
  }
}
