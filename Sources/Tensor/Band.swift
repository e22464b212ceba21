/// Where a matrix counts: of row `i` the columns `first[i] ..< last[i]`, and neither bound falls from row to row.
struct Band: Sendable {
  let first: [Int32]
  let last: [Int32]

  var rows: Int { first.count }

  /// The rows that reach into some columns.
  func rows(in columns: Range<Int>) -> Range<Int> {
    let end = Self.count(first, below: columns.upperBound)
    return min(Self.count(last, below: columns.lowerBound + 1), end)..<end
  }

  /// How many of the bounds, which do not fall, are below a column.
  private static func count(_ bounds: [Int32], below column: Int) -> Int {
    var (low, high) = (0, bounds.count)
    while low < high {
      let middle = (low + high) / 2
      if Int(bounds[middle]) < column { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The columns that some rows, at least one, reach into.
  func columns(in rows: Range<Int>) -> Range<Int> { Int(first[rows.lowerBound])..<Int(last[rows.upperBound - 1]) }
}
