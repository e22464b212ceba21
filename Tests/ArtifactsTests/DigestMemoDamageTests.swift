import Artifacts
import Foundation
import Testing

/// Whatever happens to the memo's file, a digest that it gives is right.
@Test func aMemoCutOrFlippedAnywhereNeverLies() throws {
  let scratch = try Scratch()
  let names = ["one", "two"]
  for name in names { try AtomicFile.write("the content of \(name)", to: scratch(name)) }
  let truth = try names.map { try Digest.sha256(ofFile: scratch($0)) }
  // A clock that is far enough ahead for the files to have settled.
  let later: @Sendable () -> Int = { DigestMemo.realTime() + 10_000_000_000 }
  func digests() throws -> [Digest] {
    let memo = DigestMemo(file: scratch("memo"), now: later)
    return try names.map { try memo.digest(ofFile: scratch($0)) }
  }
  #expect(try digests() == truth)
  let bytes = try Files.contents(of: scratch("memo"))
  #expect(bytes.count > 200)
  for index in bytes.indices {
    for damaged in [Array(bytes[..<index]), bytes.enumerated().map { $0.offset == index ? $0.element ^ 1 : $0.element }] {
      try Data(damaged).write(to: URL(fileURLWithPath: scratch("memo")))
      #expect(try digests() == truth, "byte \(index)")
    }
  }
}
