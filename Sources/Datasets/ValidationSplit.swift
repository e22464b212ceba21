/// Which rows are for validation: those with the lowest hashes of seed and position.
enum ValidationSplit {
  /// - Returns: for each row whether it is a validation row, `count` of them in all.
  static func choose(_ count: Int, of rows: Int, seed: Int) -> [Bool] {
    let start = mixed(UInt64(bitPattern: Int64(seed)) &+ 0x9E37_79B9_7F4A_7C15)
    let order = (0..<rows).map { (hash: mixed(start ^ UInt64($0)), row: $0) }.sorted { $0 < $1 }
    var isChosen = Array(repeating: false, count: rows)
    for (_, row) in order.prefix(count) { isChosen[row] = true }
    return isChosen
  }

  /// The last step of SplitMix64, which spreads neighbouring numbers over all 64 bits.
  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
