extension Array where Element: Equatable {
  /// Where `part` stands, found in linear time (Knuth, Morris and Pratt), so that no text makes a search slow.
  package func places(of part: [Element], overlapping: Bool = false) -> [Int] {
    guard !part.isEmpty else { return Array<Int>(0...count) }
    let borders = part.borders
    var places: [Int] = []
    var matched = 0
    for (index, element) in enumerated() {
      while matched > 0, matched == part.count || element != part[matched] { matched = borders[matched - 1] }
      if element == part[matched] { matched += 1 }
      guard matched == part.count else { continue }
      places.append(index + 1 - part.count)
      if !overlapping { matched = 0 }
    }
    return places
  }

  /// For each prefix the length of the longest shorter prefix that it ends with.
  private var borders: [Int] {
    var borders = [0]
    for index in indices.dropFirst() {
      var length = borders[index - 1]
      while length > 0, self[index] != self[length] { length = borders[length - 1] }
      borders.append(self[index] == self[length] ? length + 1 : 0)
    }
    return borders
  }
}
