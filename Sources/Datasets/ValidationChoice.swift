/// Which of the rows whose side nothing says are for validation: those with the lowest keys. A key depends on a row's
/// content and the seed alone, so of a growing file every row keeps its side under a share; under a number of rows,
/// added rows can only take places of the validation rows, never put a training row among them.
struct ValidationChoice {
  /// A row among all: equal rows have equal keys and are told apart by their positions.
  struct Candidate: Comparable {
    let key: UInt64
    /// Among all rows of the data.
    let row: Int

    static func < (left: Candidate, right: Candidate) -> Bool {
      (left.key, left.row) < (right.key, right.row)
    }
  }

  private let size: DatasetOptions.ValidationSize
  /// The lowest so far, at most twice as many as are wanted.
  private var lowest: [Candidate] = []
  private(set) var count = 0

  init(_ size: DatasetOptions.ValidationSize) { self.size = size }

  /// Whether keys are needed at all.
  var isNeeded: Bool { size != .rows(0) && size != .fraction(0) }

  /// Every row must be considered, once.
  mutating func consider(_ candidate: Candidate) {
    count += 1
    guard case .rows(let wanted) = size, wanted > 0 else { return }
    lowest.append(candidate)
    if lowest.count >= 2 * wanted { keepLowest(wanted) }
  }

  private mutating func keepLowest(_ wanted: Int) {
    lowest.sort()
    lowest.removeLast(max(0, lowest.count - wanted))
  }

  /// Rows below it are for validation, now that all have been considered.
  mutating func limit() -> Candidate {
    switch size {
    case .fraction(let share): return Candidate(key: UInt64(share * 0x1p64), row: -1)
    case .rows(let wanted):
      keepLowest(wanted)
      return lowest.last.map { Candidate(key: $0.key, row: $0.row + 1) } ?? Candidate(key: 0, row: -1)
    }
  }
}
