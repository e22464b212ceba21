/// Where a matrix counts: of row `i` the columns `first[i] ..< last[i]`, and neither bound falls from row to row.
struct Band: Sendable {
  let first: [Int32]
  let last: [Int32]

  var rows: Int { first.count }

  /// The rows that reach into some columns.
  func rows(in columns: Range<Int>) -> Range<Int> {
    let end = first.firstIndex { $0 >= columns.upperBound } ?? rows
    let start = last.firstIndex { $0 > columns.lowerBound } ?? rows
    return min(start, end)..<end
  }

  /// The columns that some rows, at least one, reach into.
  func columns(in rows: Range<Int>) -> Range<Int> { Int(first[rows.lowerBound])..<Int(last[rows.upperBound - 1]) }
}
