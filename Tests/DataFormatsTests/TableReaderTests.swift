import DataFormats
import JSON
import TestSupport
import Testing

@Test(arguments: [
  ("a.csv", "text,b\nx,1\ny,2\n"), ("a.tsv", "text\tb\r\nx\t1\r\ny\t2"), ("a", "text,b\n\nx,1\n\ny,2"),
  ("a.csv", "\u{FEFF}\"text\";b\nx;\"1\"\n\"y\";2\r\n"),
])
func `tables are read whatever separates them`(name: String, text: String) throws {
  let directory = try TemporaryDirectory()
  let read = try Read(try directory.write(name, text))
  #expect(read.rows == [["text": "x", "b": "1"], ["text": "y", "b": "2"]])
}

@Test func `quoted fields hold separators, quotes and line breaks`() throws {
  let directory = try TemporaryDirectory()
  let text = "text,b\n\"a,\"\"b\"\"\r\nc\",\"\"\n5\" pipe,é\n"
  let read = try Read(try directory.write("a.csv", text))
  #expect(read.rows == [["text": "a,\"b\"\r\nc", "b": ""], ["text": "5\" pipe", "b": "é"]])
  #expect(read.places.map { String($0.suffix(2)) } == [":2", ":4"])
}

@Test(arguments: [
  ("text,b\nx,1\ny\n", "a.csv:3:1: expected 2 fields, as the header has, found 1"),
  ("text,b\n\"x\"y,1\n", "a.csv:2:4: a field goes on after its closing quote"),
  ("text,b\nx,\"1\ny,2\n", "a.csv:2:3: the field's quote is never closed"),
  ("text,text\nx,1\n", "a.csv:1:1: the column 'text' appears twice in the header"),
])
func `what is wrong in a table is named by line and column`(text: String, expected: String) throws {
  let directory = try TemporaryDirectory()
  #expect(message(try directory.write("a.csv", text)) == expected)
}

@Test func `a field that is not UTF-8 is named`() throws {
  let directory = try TemporaryDirectory()
  let file = try directory.write("a.csv", Array("text,b\nx,".utf8) + [0xFF, 0x0A])
  #expect(message(file) == "a.csv:2: field 2 is not valid UTF-8")
}

@Test func `a text with commas is no table`() throws {
  let directory = try TemporaryDirectory()
  #expect(try Read(try directory.write("a", "Well, this is text, I say.\nYes.")).rows == ["Well, this is text, I say.\nYes."])
}
