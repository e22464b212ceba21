/// The name that a misspelt one was probably meant to be.
package enum Suggestion {
  /// "did you mean 'with'?", or the list of names when none is near; nil when there are no names.
  package static func hint(for word: String, among names: [String], calling plural: String) -> String? {
    if names.isEmpty { return nil }
    if let name = nearest(to: word, among: names) { return "did you mean '\(name)'?" }
    let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let shown = sorted.prefix(24).joined(separator: ", ")
    return "\(plural): \(shown)\(names.count > 24 ? ", …" : "")"
  }

  /// The nearest name by edit distance, if it differs in at most a third of its letters (or in one, but not in all).
  package static func nearest(to word: String, among names: [String]) -> String? {
    var best: (name: String, distance: Int)?
    for name in names {
      let distance = editDistance(word, name)
      let length = max(word.count, name.count)
      if distance <= max(1, length / 3), distance < length, distance < best?.distance ?? .max {
        best = (name, distance)
      }
    }
    return best?.name
  }

  /// How many letters must be inserted, removed, replaced or swapped with their neighbour (optimal string alignment).
  private static func editDistance(_ left: String, _ right: String) -> Int {
    let (a, b) = (Array(left.lowercased().prefix(64)), Array(right.lowercased().prefix(64)))
    var rows = [Array(0...b.count)]
    for i in 0..<a.count {
      var row = [i + 1]
      for j in 0..<b.count {
        var distance = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          distance = min(distance, rows[i - 1][j - 1] + 1)
        }
        row.append(distance)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }
}
