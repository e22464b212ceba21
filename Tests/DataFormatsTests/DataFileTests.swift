import DataFormats
import Failures
import Foundation
import JSON
import TestSupport
import Testing

private let lines = "{\"text\":\"x\"}\r\n\n{\"text\":\"y\",\"id\":7}"
private let expected: [JSON] = [["text": "x"], ["text": "y", "id": 7]]

@Test func `JSON Lines and arrays are told apart by content`() throws {
  let directory = try TemporaryDirectory()
  let array = "\u{FEFF} [{\"text\":\"x\"},\n{\"text\":\"y\", \"id\":7} ]\n"
  for (name, text) in [
    ("a.jsonl", lines), ("a.json", lines), ("a", lines), ("b.csv", lines), ("b.json", array), ("b", array),
  ] {
    let read = try Read(try directory.write(name, text))
    #expect(read.rows == expected, "\(name)")
  }
  #expect(try Read(try directory.write("c.json", "[ ]")).rows.isEmpty)
  let places = try Read(try directory.write("d.json", array)).places
  #expect(places.map { String($0.suffix(4)) } == [": /0", ": /1"])
}

@Test func `strings in an array may hold brackets, quotes and line breaks escaped`() throws {
  let directory = try TemporaryDirectory()
  let text = #"[{"text":"],[\"{\\"},{"text":[[],{"a":"}"}]}]"#
  #expect(
    try Read(try directory.write("a.json", text)).rows
      == JSONDocument(text, source: "a").root.arrayValue)
}

@Test(arguments: [
  ("[{\"text\":1},", "a.json:1:13: not valid JSON: unexpected end of the text"),
  ("[{\"text\":1}] x", "a.json:1:14: not valid JSON: text after the end of the JSON value"),
  ("[{\"text\":1},\n,{}]", "a.json:2:1: not valid JSON: expected a JSON value"),
  ("[{\"text\":1},\n {\"é\": y}]", "a.json:2:8: not valid JSON: expected a JSON value"),
  ("[{\"text\":1},\n {}}]", "a.json:2:4: not valid JSON: text after the end of the JSON value"),
])
func `what is wrong in an array is named by line and column`(text: String, expected: String) throws {
  let directory = try TemporaryDirectory()
  #expect(message(try directory.write("a.json", text)) == expected)
}

@Test func `a quotation mark that is missing in an array is found where it is missing`() throws {
  let directory = try TemporaryDirectory()
  let text = "[{\"text\":\"a},{\"text\":\"b\"}" + String(repeating: ",{\"text\":\"c\"}", count: 100) + "]"
  #expect(message(try directory.write("a.json", text)).hasPrefix("a.json:1:16: not valid JSON: "))
}

@Test func `plain text is one document or many and stripped`() throws {
  let directory = try TemporaryDirectory()
  let file = try directory.write("a.txt", "\n x\ny \n<|end|>\n<|end|>  z\n")
  let many = try Read(file, separator: "<|end|>")
  #expect(many.rows == ["x\ny", "z"])
  #expect(many.places.map { String($0.suffix(2)) } == [":2", ":5"])
  #expect(try Read(file).rows == ["x\ny \n<|end|>\n<|end|>  z"])
  // The name says text, whatever it looks like.
  #expect(try Read(try directory.write("b.txt", "{\"text\":1}")).rows == ["{\"text\":1}"])
  #expect(message(try directory.write("c.txt", [0x61, 0x0A, 0xFF, 0x0A])) == "c.txt:2: the text is not valid UTF-8")
}

@Test func `long rows come whole though they are read in pieces`() throws {
  let directory = try TemporaryDirectory()
  let long = String(repeating: "é<|en", count: 200_000)
  let separated = try Read(try directory.write("a.txt", "a<|end|>\(long)<|end|>b"), separator: "<|end|>")
  #expect(separated.rows == ["a", .string(long), "b"])
  let table = try Read(try directory.write("a.csv", "text\na\n\"\(long)\n\"\nb\n"))
  #expect(table.rows == [["text": "a"], ["text": .string(long + "\n")], ["text": "b"]])
}

@Test func `files that cannot be read are named`() throws {
  let directory = try TemporaryDirectory()
  #expect(message(try directory.write("a.jsonl", "")) == "a.jsonl: the file is empty")
  #expect(message(try directory.write("b.jsonl", " \n\n")) == "b.jsonl: the file is empty")
  #expect(message(directory.path + "/none").hasPrefix("missingInput: cannot open 'none'"))
  #expect(message(try directory.write("d.txt", Array("a\nb\0".utf8))) == "d.txt:2: a zero byte, which no text has")
  #expect(message(try directory.write("c.csv", [0xFF, 0xFE, 0x61, 0])) == "c.csv: the text is UTF-16")
  for (name, text) in [("old.csv", "text,id\rx,1\r"), ("old.jsonl", "{\"text\":\"x\"}\r{\"text\":\"y\"}")] {
    #expect(message(try directory.write(name, Array(text.utf8))) == "\(name): its lines end with carriage returns alone")
  }
}

@Test func `words stand for files, directories and patterns`() throws {
  let directory = try TemporaryDirectory()
  try FileManager.default.createDirectory(atPath: directory.path + "/sub", withIntermediateDirectories: true)
  for name in ["b.jsonl", "a.csv", "README.md", ".hidden", "sub/c.txt", "LICENSE"] { _ = try directory.write(name, "x") }
  let names = { (words: [String]) in
    try DataPaths.files(words.map { directory.path + "/" + $0 }).map { String($0.dropFirst(directory.path.count + 1)) }
  }
  #expect(try names([""]) == ["/a.csv", "/b.jsonl", "/sub/c.txt"].map { String($0.dropFirst()) })
  #expect(try names(["b.jsonl", "*.csv"]) == ["b.jsonl", "a.csv"])
  #expect(failure { _ = try names(["**/*.csv"]) }.message.hasSuffix("is not supported"))
  #expect(failure { _ = try names(["*.none"]) }.message.hasPrefix("no file fits"))
  try FileManager.default.createDirectory(atPath: directory.path + "/empty", withIntermediateDirectories: true)
  #expect(failure { _ = try names(["empty"]) }.message.hasSuffix("holds no file with data"))
}
