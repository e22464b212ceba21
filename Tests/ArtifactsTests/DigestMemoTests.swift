import Artifacts
import Failures
import FoundationEssentials
import TestSupport
import Testing

/// A clock that stands `seconds` from now: files written just now are then long settled.
private func clock(in seconds: Int) -> @Sendable () -> Int {
  { DigestMemo.realTime() + seconds * 1_000_000_000 }
}

private func lines(_ path: String) throws -> [String] {
  guard FileManager.default.fileExists(atPath: path) else { return [] }
  return String(decoding: try Files.contents(of: path), as: UTF8.self).split(separator: "\n").map(String.init)
}

@Test func aSettledFileIsRememberedAcrossProcesses() throws {
  let scratch = try Scratch()
  let file = try scratch.write("content", to: "f")
  let memo = DigestMemo(file: scratch("memo/digests"), now: clock(in: 60))
  let digest = try memo.digest(ofFile: file)
  #expect(digest == Digest.sha256("content".utf8))
  #expect(try lines(scratch("memo/digests")).count == 1)
  #expect(try memo.digest(ofFile: file) == digest)

  // Another process believes the memo: shown by one whose entry names another digest.
  let line = try lines(scratch("memo/digests"))[0]
  let fields = line.split(separator: " ").dropLast(2).joined(separator: " ") + " " + Digest.sha256([]).hex
  try scratch.write("\(fields) \(Digest.sha256(fields.utf8).hex.prefix(16))\n", to: "forged")
  #expect(try DigestMemo(file: scratch("forged")).digest(ofFile: file) == Digest.sha256([]))
  #expect(try lines(scratch("forged")).count == 1)
}

@Test func aFileThatChangedJustNowIsNotRecorded() throws {
  let scratch = try Scratch()
  let file = try scratch.write("content", to: "f")
  for seconds in [0, 1, -3600] {
    _ = try DigestMemo(file: scratch("digests"), now: clock(in: seconds)).digest(ofFile: file)
    #expect(try lines(scratch("digests")) == [])
  }
  _ = try DigestMemo(file: scratch("digests"), now: clock(in: 10)).digest(ofFile: file)
  #expect(try lines(scratch("digests")).count == 1)
}

@Test func aRewrittenFileIsReadAgainEvenWithItsOldTime() throws {
  let scratch = try Scratch()
  let file = try scratch.write("content", to: "f")
  let time = try #require(try FileManager.default.attributesOfItem(atPath: file)[.modificationDate] as? Date)
  let memo = DigestMemo(file: scratch("digests"), now: clock(in: 60))
  _ = try memo.digest(ofFile: file)
  let handle = try #require(FileManager.default.contents(atPath: file))
  #expect(handle.count == 7)
  try Data("CONTENT".utf8).write(to: URL(filePath: file))  // in place: the same inode and size
  try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: file)
  #expect(try memo.digest(ofFile: file) == Digest.sha256("CONTENT".utf8))
}

@Test func damagedLinesAreSkipped() throws {
  let scratch = try Scratch()
  let file = try scratch.write("content", to: "f")
  _ = try DigestMemo(file: scratch("digests"), now: clock(in: 60)).digest(ofFile: file)
  let line = try lines(scratch("digests"))[0]
  var random = SeededGenerator(state: 5)
  for _ in 0..<200 {
    var bytes = Array(line.utf8)
    let place = Int.random(in: 0..<bytes.count, using: &random)
    if Bool.random(using: &random) {
      bytes[place] ^= UInt8(1 << Int.random(in: 0..<8, using: &random))
    } else {
      bytes = Array(bytes[..<place]) + Array("\nx".utf8)
    }
    try AtomicFile.write(bytes, to: scratch("damaged"))
    let memo = DigestMemo(file: scratch("damaged"))
    #expect(try memo.digest(ofFile: file) == Digest.sha256("content".utf8))
  }
}

@Test func aTornLineDoesNotSpoilTheNext() throws {
  let scratch = try Scratch()
  let file = try scratch.write("content", to: "f")
  try scratch.write("2049 1234 77", to: "digests")
  _ = try DigestMemo(file: scratch("digests"), now: clock(in: 60)).digest(ofFile: file)
  let written = try lines(scratch("digests"))
  #expect(written.count == 2)
  #expect(written[0] == "2049 1234 77")
}

@Test func manyWritersAddWholeLines() async throws {
  let scratch = try Scratch()
  let files = try (0..<40).map { try scratch.write("content \($0)", to: "f\($0)") }
  try await withThrowingTaskGroup(of: Void.self) { group in
    for part in 0..<8 {
      group.addTask {
        let memo = DigestMemo(file: scratch("digests"), now: clock(in: 60))
        for file in files[part * 5..<part * 5 + 5] { _ = try memo.digest(ofFile: file) }
      }
    }
    try await group.waitForAll()
  }
  #expect(try lines(scratch("digests")).count == 40)
  #expect(try lines(scratch("digests")).allSatisfy { $0.split(separator: " ").count == 7 })
}

@Test func aMemoThatCannotBeWrittenIsNoError() throws {
  let scratch = try Scratch()
  let file = try scratch.write("content", to: "f")
  for path in [nil, file + "/digests", "/proc/nothing/digests"] {
    #expect(
      try DigestMemo(file: path, now: clock(in: 60)).digest(ofFile: file) == Digest.sha256("content".utf8))
  }
}
