import DataFormats
import Failures
import Foundation
import JSON
import TestSupport
import Testing

private let rows = (0..<2000).map { "{\"text\":\"row \($0)\"}" }.joined(separator: "\n")

@Test(arguments: Packing.allCases)
func `what is packed or compressed is told by its content`(packing: Packing) throws {
  let directory = try TemporaryDirectory()
  let path = directory.path + "/data"
  packing.pack([("a.jsonl", Array(rows.utf8))], to: path)
  let read = try Read(path)
  #expect(read.rows.count == 2000 && read.rows[1999] == ["text": "row 1999"])
  #expect(read.places[6].hasSuffix(packing.isArchive ? "/data/a.jsonl:7" : "/data:7"))
}

@Test func `an archive holds files of any kind, compressed ones too`() throws {
  let directory = try TemporaryDirectory()
  let inner = directory.path + "/inner"
  Packing.zstd.pack([("", Array("text\nc\n".utf8))], to: inner)
  let compressed = Array(try Data(contentsOf: URL(filePath: inner)))
  let parquet = Array(try Data(contentsOf: URL(filePath: fixture("parquet/snappy-v1-plain.parquet"))))
  let path = directory.path + "/a.tar"
  Packing.tar.pack(
    [
      ("README.md", Array("about".utf8)), ("train/a.jsonl", Array("{\"text\":\"a\"}".utf8)),
      ("__MACOSX/._a", [1]), ("b.csv.zst", compressed), ("val.parquet", parquet),
    ], to: path)
  let read = try Read(path)
  #expect(read.members == ["train/a.jsonl", "b.csv", "val.parquet"])
  #expect(read.rows.prefix(2) == [["text": "a"], ["text": "c"]] && read.rows.count == 2 + 37)
  #expect(read.places[1].hasSuffix("a.tar/b.csv.zst:2") && read.places[2].hasSuffix("a.tar/val.parquet: row 1"))
}

@Test func `a packed file that is incomplete is named`() throws {
  let directory = try TemporaryDirectory()
  for packing in Packing.allCases where packing != .tar {
    let path = directory.path + "/whole"
    packing.pack([("a.jsonl", Array(rows.utf8))], to: path)
    let bytes = Array(try Data(contentsOf: URL(filePath: path)))
    let half = message(try directory.write("half", Array(bytes.prefix(bytes.count / 2))))
    #expect(half.hasPrefix("half: it cannot be unpacked: ") || half.hasPrefix("half/a.jsonl:"), "\(packing): \(half)")
  }
}

@Test func `every member of a gzip file is read and checked`() throws {
  let directory = try TemporaryDirectory()
  let path = directory.path + "/whole"
  Packing.gzip.pack([("", Array("{\"text\":\"a\"}\n".utf8))], to: path)
  let member = Array(try Data(contentsOf: URL(filePath: path)))
  #expect(message(try directory.write("two", member + member + [0, 0, 0])) == "read 2 rows")
  for (place, reason) in [(1, "incorrect data check"), (5, "incorrect length check")] {
    var bytes = member
    bytes[bytes.count - 9 + place] ^= 1
    #expect(message(try directory.write("bad", bytes + member)) == "bad: it cannot be unpacked: \(reason)")
  }
  #expect(message(try directory.write("cut", member + member.prefix(5))) == "cut: it cannot be unpacked: it ends too early")
  for length in [2, 12, member.count - 4, member.count - 1] {
    let cut = message(try directory.write("cut", Array(member.prefix(length))))
    #expect(cut == "cut: it cannot be unpacked: it ends too early", "\(length) bytes")
  }
  #expect(message(try directory.write("more", member + [1, 2, 3])) == "more: it cannot be unpacked: incorrect header check")
}

@Test func `members of a tar may be named from its directory`() throws {
  let directory = try TemporaryDirectory()
  let path = directory.path + "/a.tar"
  Packing.tar.pack([("./a.jsonl", Array("{\"text\":\"a\"}".utf8)), ("./.b.jsonl", [1])], to: path)
  #expect(try Read(path).places == ["\(path)/./a.jsonl:1"])
}

@Test func `a tar whose header is damaged is no text`() throws {
  let directory = try TemporaryDirectory()
  let path = directory.path + "/whole"
  Packing.tar.pack([("a.jsonl", Array("{\"text\":\"a\"}".utf8))], to: path)
  var bytes = Array(try Data(contentsOf: URL(filePath: path)))
  bytes[150] ^= 1  // its checksum
  #expect(message(try directory.write("a.tar", bytes)) == "a.tar:1: a zero byte, which no text has")
}

@Test func `a zip holds what its directory says`() throws {
  let directory = try TemporaryDirectory()
  let path = directory.path + "/whole"
  Packing.zip.pack([("a.jsonl", Array("{\"text\":\"a\"}".utf8)), ("b.jsonl", Array("{\"text\":\"b\"}".utf8))], to: path)
  let whole = Array(try Data(contentsOf: URL(filePath: path)))
  func places(of signature: [UInt8]) -> [Int] { whole.indices.filter { whole[$0...].starts(with: signature) } }
  let (local, central) = (places(of: [0x50, 0x4B, 3, 4]), places(of: [0x50, 0x4B, 1, 2]))
  #expect(local.count == 2 && central.count == 2)
  for place in [local[1], central[1] + 16] {
    var bytes = whole
    bytes[place] ^= 1
    #expect(message(try directory.write("bad", bytes)).hasPrefix("bad: it cannot be unpacked: "), "\(place)")
  }
  let nested = directory.path + "/nested"
  Packing.tarGzip.pack([("in.zip", whole)], to: nested)
  #expect(try Read(nested).places == ["a", "b"].map { "\(nested)/in.zip/\($0).jsonl:1" })
}

@Test func `what expands beyond measure is refused`() throws {
  let directory = try TemporaryDirectory()
  let path = directory.path + "/bomb"
  Packing.zstd.pack([("", [UInt8](repeating: 0x0A, count: 200 << 20))], to: path)
  #expect(message(path) == "bomb: it expands to more than 1000 times its size")
  let nested = directory.path + "/nested"
  var bytes = Array("{\"text\":\"a\"}".utf8)
  for _ in 0..<6 {
    Packing.zip.pack([("a", bytes)], to: nested)
    bytes = Array(try Data(contentsOf: URL(filePath: nested)))
  }
  #expect(message(nested) == "nested/a/a/a/a/a: it is packed or compressed more than 4 times over")
}

@Test func `an archive without data is refused`() throws {
  let directory = try TemporaryDirectory()
  Packing.zip.pack([("README", [0x61])], to: directory.path + "/a.zip")
  #expect(message(directory.path + "/a.zip") == "a.zip: it holds no file with data")
}

@Test(arguments: Packing.allCases)
func `no mutation of a packed file crashes or hangs`(packing: Packing) throws {
  let directory = try TemporaryDirectory()
  let path = directory.path + "/whole"
  packing.pack([("a.jsonl", Array(rows.utf8.prefix(4000))), ("b.csv", Array("text,b\n\"x\",1".utf8))].prefix(packing.isArchive ? 2 : 1).map { $0 }, to: path)
  let whole = Array(try Data(contentsOf: URL(filePath: path)))
  var generator = SeededGenerator(state: 3)
  for _ in 0..<60 {
    let path = try directory.write("m", mutated(whole, using: &generator))
    do { _ = try Read(path) } catch let failure as Failure {
      #expect(failure.kind == .badData && failure.message.contains("m"), "\(failure)")
    }
  }
}

@Test func `no mutation of a table or an array crashes`() throws {
  let directory = try TemporaryDirectory()
  let seeds = ["text,b\n\"a,\"\"b\"\"\r\nc\",\"\"\n5\" pipe,é\n", "[{\"text\":\"a\\\"]\"},\n{\"text\":[1,{}]}]", rows]
  var generator = SeededGenerator(state: 9)
  for round in 0..<900 {
    let bytes = mutated(Array(seeds[round % 3].utf8.prefix(200)), using: &generator)
    let path = try directory.write(["m.csv", "m.json", "m"][round / 3 % 3], bytes)
    do { _ = try Read(path) } catch let failure as Failure {
      #expect(failure.kind == .badData && failure.message.contains("m"), "\(failure)")
    }
  }
}
