import Checkpoint
package import Failures
package import JSON
import Tensor

/// One row of a dataset: token ids, and for each whether the model is to predict it.
package struct TokenRow: Sendable, Equatable {
  package let ids: [Int32]
  /// As long as `ids`; the first is never true.
  package let supervised: [Bool]

  package init(ids: [Int32], supervised: [Bool]) {
    precondition(ids.count == supervised.count && supervised.first != true)
    self.ids = ids
    self.supervised = supervised
  }
}

/// The rows of one split of a dataset, mapped from a safetensors file.
///
/// `input_ids` I32 (N) holds all rows one after another, `supervised` U8 (N) is 1 where a token is a target, and
/// `row_offsets` I64 (R + 1) says where each row begins and the last one ends.
package struct TokenRows: Sendable {
  package let count: Int
  /// Tokens of all rows.
  package let tokenCount: Int
  private let offsets: [Int]
  private let ids: StoredTensor
  private let supervised: StoredTensor

  /// - Throws: `Failure.badData` naming the tensor when sizes do not agree or an id is outside the vocabulary.
  package init(_ path: String, vocabularySize: Int) throws(Failure) {
    let file = try SafeTensors(path)
    let stored = try file.tensor("row_offsets", dtype: .i64)
    offsets = unsafe UnsafeBufferPointer(
      start: stored.bytes.assumingMemoryBound(to: Int64.self), count: stored.count
    )
    .map { Int($0) }
    let tokens = offsets.last ?? 0
    guard offsets.first == 0, zip(offsets, offsets.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw Failure(.badData, "\(path): the tensor 'row_offsets' does not rise from 0")
    }
    ids = try file.tensor("input_ids", dtype: .i32, shape: [tokens])
    supervised = try file.tensor("supervised", dtype: .u8, shape: [tokens])
    count = offsets.count - 1
    tokenCount = tokens
    let all = unsafe UnsafeBufferPointer(start: ids.bytes.assumingMemoryBound(to: Int32.self), count: tokens)
    if let position = unsafe all.firstIndex(where: { $0 < 0 || Int($0) >= vocabularySize }) {
      throw Failure(
        .badData,
        "\(path): the token \(unsafe all[position]) at position \(position) is outside the vocabulary "
          + "(0 to \(vocabularySize - 1))")
    }
  }

  package func length(ofRow row: Int) -> Int { offsets[row + 1] - offsets[row] }

  /// Targets of all rows.
  package var supervisedCount: Int { supervisedCount(0..<tokenCount) }

  package func supervisedCount(ofRow row: Int) -> Int { supervisedCount(offsets[row]..<offsets[row + 1]) }

  private func supervisedCount(_ range: Range<Int>) -> Int {
    let flags = unsafe UnsafeBufferPointer(
      start: supervised.bytes.assumingMemoryBound(to: UInt8.self) + range.lowerBound, count: range.count)
    return unsafe flags.count { $0 != 0 }
  }

  package subscript(row: Int) -> TokenRow {
    let range = offsets[row]..<offsets[row + 1]
    let ids = unsafe UnsafeBufferPointer(
      start: ids.bytes.assumingMemoryBound(to: Int32.self) + range.lowerBound, count: range.count)
    let flags = unsafe UnsafeBufferPointer(
      start: supervised.bytes.assumingMemoryBound(to: UInt8.self) + range.lowerBound, count: range.count)
    return unsafe TokenRow(ids: Array(ids), supervised: flags.enumerated().map { $0 > 0 && $1 != 0 })
  }
}

extension TokenRows {
  /// What a manifest says of the file, under its names.
  package var facts: JSONObject {
    [
      "rows": .integer(count), "tokens": .integer(tokenCount), "supervised_tokens": .integer(supervisedCount),
      "longest_row": .integer((0..<count).map(length(ofRow:)).max() ?? 0),
    ]
  }

  /// The tensors of a split's file, in their order.
  static func tensors(rows: Int, tokens: Int) -> [TensorDescription] {
    [
      TensorDescription(name: "row_offsets", dtype: .i64, shape: [rows + 1]),
      TensorDescription(name: "input_ids", dtype: .i32, shape: [tokens]),
      TensorDescription(name: "supervised", dtype: .u8, shape: [tokens]),
    ]
  }

  /// Writes rows as one split's file; the same rows give the same bytes.
  package static func write(_ rows: [TokenRow], to path: String) throws(Failure) {
    let spool = try RowSpool(path)
    for (index, row) in rows.enumerated() {
      var tokens = EncodedTokens()
      tokens.append(row.ids[...], supervised: row.supervised)
      let entry = RowSpool.Entry(
        candidate: .init(key: 0, row: index), start: spool.tokenCount, length: tokens.count,
        supervisedTokens: row.supervised.count { $0 }, split: .train, isTruncated: false)
      try spool.append(tokens, [entry])
    }
    let tokens = rows.reduce(0) { $0 + $1.ids.count }
    try spool.write(to: path, rows: rows.count, tokens: tokens) { _ in true }
  }
}
