import DataFormats
import Failures
import Foundation
import JSON
import TestSupport
import Testing

private let allColumns = ["text", "n", "m", "f", "g", "b", "ids", "messages", "deep", "pair"]

private func bytes(_ name: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(filePath: fixture("parquet/\(name)"))))
}

@Test(
  arguments: ["none", "snappy", "zstd", "gzip"].flatMap { codec in
    ["v1-dictionary", "v1-plain", "v2-dictionary", "v2-plain"].map { "\(codec)-\($0).parquet" }
  })
func `Parquet reads as pyarrow reads it`(name: String) throws {
  let expected = try JSONDocument(try bytes("rows.json"), source: "rows.json").root.arrayValue ?? []
  let read = try Read(fixture("parquet/\(name)"), columns: allColumns)
  #expect(read.rows.count == 37)
  for (row, wanted) in zip(read.rows, expected) { #expect(row == wanted) }
  #expect(read.places[36].hasSuffix("\(name): row 37"))
}

@Test func `unsigned numbers have no sign`() throws {
  let read = try Read(fixture("parquet/unsigned.parquet"), columns: ["a", "b", "c"])
  #expect(
    read.rows == [
      ["a": 1, "b": 2, "c": [3, 2_147_483_648]],
      ["a": 4_294_967_295, "b": .integer(.max), "c": [3, 2_147_483_648]],
    ])
}

@Test func `only wanted columns are read`() throws {
  let read = try Read(fixture("parquet/snappy-v1-plain.parquet"), columns: ["m", "absent"])
  #expect(read.rows[1] == ["m": -49])
  // Where none is there, the row has their names, so that an error can say what the file has.
  let none = try Read(fixture("parquet/snappy-v1-plain.parquet"), columns: ["absent"])
  #expect(none.rows.count == 1 && none.rows[0].objectValue?.keys == allColumns)
  #expect(try Read(fixture("parquet/empty.parquet")).rows.isEmpty)
}

@Test(arguments: [
  ("brotli", "column 'text': the compression BROTLI is not supported"),
  ("lz4", "column 'text': the compression LZ4_RAW is not supported"),
  ("delta", "column 'text': the encoding DELTA_BYTE_ARRAY is not supported"),
  ("date", "column 'text': the type DATE is not supported"),
  ("decimal", "column 'text': the type DECIMAL is not supported"),
  ("large", "column 'text': a value is larger than 2⁶³ − 1"),
])
func `what is not read is refused by name`(file: String, expected: String) {
  #expect(message(fixture("parquet/\(file).parquet")) == "\(file).parquet: \(expected)")
}

@Test func `a page whose checksum is wrong is refused`() throws {
  let directory = try TemporaryDirectory()
  var bytes = try bytes("checksum.parquet")
  #expect(message(try directory.write("a.parquet", bytes)) == "read 37 rows")
  // The first is in the statistics.
  let places = bytes.indices.filter { bytes[$0...].starts(with: "row 0".utf8) }
  bytes[places[1]] ^= 1
  #expect(
    message(try directory.write("a.parquet", bytes))
      == "a.parquet: column 'text': a page whose checksum is wrong")
}

@Test func `a Parquet file that ends early is named`() throws {
  let directory = try TemporaryDirectory()
  let whole = try bytes("snappy-v1-plain.parquet")
  let short = try directory.write("a.parquet", Array(whole.dropLast(9)))
  #expect(message(short) == "a.parquet: the Parquet file is damaged: it does not end with PAR1")
  let huge = try directory.write("b.parquet", Array(whole.dropLast(8)) + [255, 255, 255, 127] + Array("PAR1".utf8))
  #expect(message(huge) == "b.parquet: the Parquet file is damaged: its metadata would have 2147483647 bytes")
}

@Test(arguments: ["none-v1-plain", "snappy-v1-dictionary", "zstd-v2-plain", "gzip-v2-dictionary"])
func `no mutation of a Parquet file crashes or hangs`(name: String) throws {
  let directory = try TemporaryDirectory()
  let whole = try bytes("\(name).parquet")
  var generator = SeededGenerator(state: 11)
  for round in 0..<150 {
    var bytes = mutated(whole, using: &generator)
    // Half of them inside what is read, with the ends as they were.
    if round % 2 == 0, bytes.count > 8 { bytes.replaceSubrange(bytes.count - 8..<bytes.count, with: whole.suffix(8)) }
    bytes.replaceSubrange(0..<min(4, bytes.count), with: Array("PAR1".utf8))
    let path = try directory.write("m.parquet", bytes)
    do {
      _ = try Read(path, columns: allColumns)
    } catch let failure as Failure {
      #expect(failure.kind == .badData && failure.message.contains("m.parquet"), "\(failure)")
    }
  }
}
