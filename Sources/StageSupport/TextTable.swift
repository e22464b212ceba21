/// A table for people to read: aligned columns under a heading, numbers to the right.
package struct TextTable: Sendable {
  package enum Alignment: Sendable { case left, right }

  package struct Column: Sendable {
    let title: String
    let alignment: Alignment

    package static func text(_ title: String) -> Column { Column(title: title, alignment: .left) }
    package static func number(_ title: String) -> Column { Column(title: title, alignment: .right) }
  }

  private let columns: [Column]
  private var rows: [[String]] = []

  package init(_ columns: Column...) { self.columns = columns }

  /// Adds a row; cells that are left out stay empty.
  package mutating func add(_ cells: String...) { add(cells) }

  package mutating func add(_ cells: [String]) {
    precondition(cells.count <= columns.count, "a row of \(cells.count) cells in a table of \(columns.count)")
    rows.append(cells + Array(repeating: "", count: columns.count - cells.count))
  }

  /// The lines of the table, without trailing spaces.
  package var lines: [String] {
    let all = [columns.map(\.title)] + rows
    let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
      let cells = columns.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        return columns[column].alignment == .left ? row[column] + padding : padding + row[column]
      }
      let line = cells.joined(separator: "  ")
      return String(line[..<(line.lastIndex { $0 != " " }.map(line.index(after:)) ?? line.startIndex)])
    }
  }
}
