import Artifacts
import Failures
import Testing

@Test func aFileIsReplacedWhole() throws {
  let scratch = try Scratch()
  try AtomicFile.write("one", to: scratch("f"))
  try AtomicFile.write([0x74, 0x77, 0x6F], to: scratch("f"))
  #expect(try Files.contents(of: scratch("f")) == Array("two".utf8))
  #expect(try scratch.names() == ["f"])
}

@Test func aFileThatCannotBeWrittenIsNamed() throws {
  let scratch = try Scratch()
  let refused = failure { try AtomicFile.write("x", to: scratch("no/f")) }
  #expect(refused?.kind == .io)
  #expect(refused?.message.hasPrefix("cannot create \(scratch("no/.f.tmp-"))") == true)
  try Files.makeDirectories(scratch("d/e"))
  #expect(failure { try AtomicFile.write("x", to: scratch("d")) }?.message.hasPrefix("cannot rename") == true)
  #expect(try scratch.names() == ["d"])
}

@Test func leftoversInADirectoryAreSwept() throws {
  let scratch = try Scratch()
  try scratch.write("half", to: ".record.json.tmp-1-dead")
  try scratch.write("mine", to: ".hidden")
  let live = try scratch.writer("out")
  AtomicFile.sweep(scratch.path)
  #expect(try scratch.names().count == 2)
  live.discard()
  #expect(try scratch.names() == [".hidden"])
}

@Test func readingHasALimit() throws {
  let scratch = try Scratch()
  let file = try scratch.write("12345", to: "f")
  #expect(try Files.contents(of: file, limit: 5).count == 5)
  #expect(
    failure { _ = try Files.contents(of: file, limit: 4) }
      == Failure(.badData, "\(file) has 5 bytes, more than the 4 that it may have"))
}
