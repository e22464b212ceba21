import Failures

/// The axes along which a stage is repeated, and the values on each.
///
///     matrix:
///       rank: [4, 8]
///       method: {randlora: {alpha: 40}, lora: {alpha: 10}}    # ${matrix.method} and ${matrix.method.alpha}
///       exclude: [{method: lora, rank: 8}]
///       include: [{method: lora, rank: 16}]
struct Matrix: Sendable {
  typealias Cell = [Coordinate]

  /// A value on an axis. It may carry further values, which are not part of the cell's name.
  struct Coordinate: Sendable {
    let axis: String
    let value: String
    var properties: [(name: String, value: String)] = []
  }

  /// One combination of values after the other, the last axis fastest.
  private(set) var cells: [Cell] = [[]]

  init() {}

  init(_ cursor: YAMLCursor, variables: Variables) throws(Failure) {
    let members = try cursor.members()
    var axes: [(name: String, values: [Coordinate])] = []
    for (axis, keyCursor, value) in members where !["include", "exclude"].contains(axis) {
      guard !axis.isEmpty, axis.utf8.allSatisfy(\.isNameByte) else {
        throw keyCursor.failure("'\(axis)' is no name for an axis: letters, digits, '_' and '-' only")
      }
      let values = try Self.coordinates(axis, value, variables)
      guard cells.count * values.count <= 10_000 else {
        throw cursor.failure("a matrix of more than 10000 cells")
      }
      cells = cells.flatMap { cell in values.map { cell + [$0] } }
      axes.append((axis, values))
    }
    try exclude(members.first { $0.key == "exclude" }?.value, axes.map(\.name), variables)
    try include(members.first { $0.key == "include" }?.value, axes, variables)
    if cells.isEmpty { throw cursor.failure("the matrix has no cell left") }
  }

  /// The values of an axis: a list, or a mapping from each to what it carries.
  private static func coordinates(
    _ axis: String, _ cursor: YAMLCursor, _ variables: Variables
  ) throws(Failure) -> [Coordinate] {
    var values: [Coordinate] = []
    if case .mapping = cursor.content {
      for (name, _, properties) in try cursor.members() {
        var coordinate = Coordinate(axis: axis, value: name)
        for (property, _, value) in try properties.members() {
          coordinate.properties.append((property, value.isNull ? "" : try variables.text(of: value)))
        }
        values.append(coordinate)
      }
    } else {
      for element in try cursor.elements() {
        let text = try variables.text(of: element)
        if values.contains(where: { $0.value == text }) {
          throw element.failure("the value '\(text)' appears twice")
        }
        values.append(Coordinate(axis: axis, value: text))
      }
    }
    if values.isEmpty { throw cursor.failure("the axis '\(axis)' has no values") }
    return values
  }

  private mutating func exclude(
    _ cursor: YAMLCursor?, _ axes: [String], _ variables: Variables
  ) throws(Failure) {
    for element in try cursor?.elements() ?? [] {
      var excluded: Cell = []
      for (axis, axisCursor, value) in try element.members() {
        guard axes.contains(axis) else { throw Self.unknown(axis, axes, at: axisCursor) }
        excluded.append(Coordinate(axis: axis, value: try variables.text(of: value)))
      }
      cells.removeAll { Self.agree(excluded, $0) }
    }
  }

  /// Adds cells that name every axis, unless they are there already.
  private mutating func include(
    _ cursor: YAMLCursor?, _ axes: [(name: String, values: [Coordinate])], _ variables: Variables
  ) throws(Failure) {
    for element in try cursor?.elements() ?? [] {
      let members = try element.members()
      for member in members where !axes.contains(where: { $0.name == member.key }) {
        throw Self.unknown(member.key, axes.map(\.name), at: member.keyCursor)
      }
      var cell: Cell = []
      for (axis, values) in axes {
        guard let value = members.first(where: { $0.key == axis })?.value else {
          throw element.failure("the included cell has no value for the axis '\(axis)'")
        }
        let text = try variables.text(of: value)
        let known = values.first { $0.value == text }
        if known == nil, values.contains(where: { !$0.properties.isEmpty }) {
          throw value.failure(
            "'\(text)' is no value of the axis '\(axis)'",
            hint: Suggestion.hint(for: text, among: values.map(\.value), calling: "values"))
        }
        cell.append(known ?? Coordinate(axis: axis, value: text))
      }
      if !cells.contains(where: { Self.name($0) == Self.name(cell) }) { cells.append(cell) }
    }
  }

  private static func unknown(_ axis: String, _ axes: [String], at cursor: YAMLCursor) -> Failure {
    cursor.failure(
      "the matrix has no axis '\(axis)'", hint: Suggestion.hint(for: axis, among: axes, calling: "axes"))
  }

  /// Whether two cells have the same values on the axes that both have.
  static func agree(_ left: Cell, _ right: Cell) -> Bool {
    left.allSatisfy { mine in right.allSatisfy { $0.axis != mine.axis || $0.value == mine.value } }
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

  mutating func keep(where isKept: (Cell) throws(Failure) -> Bool) throws(Failure) {
    var kept: [Cell] = []
    for cell in cells where try isKept(cell) { kept.append(cell) }
    cells = kept
  }

  /// The cell's part of a stage's name: `[method=lora,rank=8]`, empty without axes.
  static func name(_ cell: Cell) -> String {
    cell.isEmpty ? "" : "[\(cell.map { "\($0.axis)=\($0.value)" }.joined(separator: ","))]"
  }
}

extension Variables {
  /// With `${matrix.axis}`, and `${matrix.axis.property}` for what its value carries.
  func adding(_ cell: Matrix.Cell) -> Variables {
    var variables = self
    for coordinate in cell {
      variables.define("matrix.\(coordinate.axis)", coordinate.value)
      for (name, value) in coordinate.properties {
        variables.define("matrix.\(coordinate.axis).\(name)", value)
      }
    }
    return variables
  }
}
