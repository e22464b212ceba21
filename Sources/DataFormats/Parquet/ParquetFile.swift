import Failures
import JSON

/// A Parquet file: row groups of columns of pages. One page of each column that is wanted is in memory at a time.
struct ParquetFile {
  static let magic = Array("PAR1".utf8)

  private let file: RandomAccessFile
  private let schema: ParquetSchema
  private let rowGroups: [ParquetMetadata.RowGroup]

  /// Nothing honest has longer metadata.
  private static let longestMetadata = 256 << 20

  /// - Throws: `Failure.badData` when the end of the file is not as the format demands.
  init(_ file: RandomAccessFile) throws(Failure) {
    self.file = file
    guard file.size >= 12 else { throw Self.damaged(file, "it is too short") }
    let tail = try file.read(at: file.size - 8, count: 8)
    guard tail.suffix(4).elementsEqual(Self.magic) else { throw Self.damaged(file, "it does not end with PAR1") }
    let count = (0..<4).reduce(0) { $0 | Int(tail[$1]) << (8 * $1) }
    guard count <= min(file.size - 12, Self.longestMetadata) else {
      throw Self.damaged(file, "its metadata would have \(count) bytes")
    }
    let metadata = try ParquetMetadata(try file.read(at: file.size - 8 - count, count: count), file: file.name)
    schema = try ParquetSchema(metadata.schema, file: file.name)
    rowGroups = metadata.rowGroups
    let leaves = schema.columns.last?.leaves.upperBound ?? 0
    guard rowGroups.allSatisfy({ $0.columns.count == leaves }) else {
      throw Self.damaged(file, "a row group does not have the \(leaves) columns of the schema")
    }
  }

  private static func damaged(_ file: RandomAccessFile, _ what: String) -> Failure {
    Failure(
      .badData, "\(file.name): the Parquet file is damaged: \(what)",
      hint: "the file may be incomplete")
  }

  /// Reads all rows in order.
  ///
  /// - Parameter columns: the columns that are wanted. Where the file has none of them, rows have all columns, as nulls.
  func forEachRow(columns: [String], _ body: (RawRow) throws(Failure) -> Void) throws(Failure) {
    let wanted = schema.columns.filter { column in columns.contains(column.name) }
    var number = 0
    for group in rowGroups where group.rowCount > 0 {
      guard !wanted.isEmpty else {
        let names = schema.columns.map { (key: $0.name, value: JSON.null) }
        return try body(row(.object(JSONObject(uniqueMembers: names)), 0))
      }
      var assembly = try RowAssembly(group, wanted, file: file)
      for _ in 0..<group.rowCount {
        try body(row(try assembly.next(), number))
        number += 1
      }
      try assembly.checkEnd()
    }
  }

  private func row(_ value: JSON, _ number: Int) -> RawRow {
    RawRow(content: .value(value), file: file.name, number: number)
  }
}
