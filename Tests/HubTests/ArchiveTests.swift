import Artifacts
import Failures
import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import Hub

extension TemporaryDirectory {
  fileprivate func callAsFunction(_ name: String) -> String { path + "/" + name }

  fileprivate func names() throws -> [String] { try Files.names(in: path) }
}

private func failure(_ body: () throws -> Void) -> Failure? {
  do { try body() } catch { return error as? Failure }
  return nil
}

private func fill(_ scratch: TemporaryDirectory, _ directory: String, reversed: Bool) throws {
  let names = ["b.txt", "a/x.bin", "a/éè.txt", "z"]
  for name in reversed ? names.reversed() : names {
    try Files.makeDirectories(scratch("\(directory)/a"))
    _ = try scratch.write("\(directory)/\(name)", "content of \(name)")
  }
}

@Test func theSameFilesGiveTheSameArchive() throws {
  let scratch = try TemporaryDirectory()
  try fill(scratch, "one", reversed: false)
  try fill(scratch, "two", reversed: true)
  try FileManager.default.setAttributes(
    [.modificationDate: Date(timeIntervalSince1970: 1), .posixPermissions: 0o600],
    ofItemAtPath: scratch("two/z"))
  try Archive.write(directory: scratch("one"), to: scratch("one.tar.zst"))
  try Archive.write(directory: scratch("two"), to: scratch("two.tar.zst"))
  let bytes = try Files.contents(of: scratch("one.tar.zst"))
  #expect(try Files.contents(of: scratch("two.tar.zst")) == bytes)
  #expect(bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]))  // zstd's magic number
  try Archive.write(directory: scratch("one"), files: ["z", "a/x.bin"], to: scratch("some.tar.zst"))
  try Archive.write(
    [("a/x.bin", scratch("two/a/x.bin")), ("z", scratch("one/z"))], to: scratch("same.tar.zst"))
  #expect(
    try Files.contents(of: scratch("some.tar.zst")) == (try Files.contents(of: scratch("same.tar.zst"))))
  #expect(
    try scratch.names() == ["one", "one.tar.zst", "same.tar.zst", "some.tar.zst", "two", "two.tar.zst"])
}

@Test func theArchiveHoldsTheFiles() throws {
  let scratch = try TemporaryDirectory()
  try fill(scratch, "one", reversed: false)
  try Archive.write(directory: scratch("one"), to: scratch("one.tar.zst"))
  let entries = try ArchiveEntries(scratch("one.tar.zst")).entries
  #expect(entries.map(\.name) == ["a/x.bin", "a/éè.txt", "b.txt", "z"])
  #expect(entries.map(\.content) == entries.map { "content of " + $0.name })
  #expect(entries.allSatisfy { $0.mode == 0o644 && $0.modified == 0 && $0.owner == 0 })
}

@Test func aFullDiskIsNamed() async throws {
  let scratch = try TemporaryDirectory()
  try fill(scratch, "one", reversed: false)
  await #expect(processExitsWith: .success) { [path = scratch.path as String] in
    signal(SIGXFSZ, SIG_IGN)
    var limit = rlimit(rlim_cur: 20, rlim_max: 20)
    guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { exit(1) }
    let failed = failure { try Archive.write(directory: path + "/one", to: path + "/one.tar.zst") }
    exit(failed?.kind == .io && failed?.message.hasSuffix(": File too large") == true ? 0 : 2)
  }
  #expect(try scratch.names() == ["one"])
}

@Test func anArchiveThatFailsLeavesNothing() throws {
  let scratch = try TemporaryDirectory()
  try fill(scratch, "one", reversed: false)
  #expect(
    failure { try Archive.write([("x", scratch("none"))], to: scratch("out.tar.zst")) }?.kind == .missingInput
  )
  #expect(
    failure { try Archive.write([("x", scratch("one"))], to: scratch("out.tar.zst")) }
      == Failure(.badData, "\(scratch("one")) is not a plain file"))
  #expect(failure { try Archive.write(directory: scratch("one"), to: scratch("no/out")) }?.kind == .io)
  try FileManager.default.createSymbolicLink(atPath: scratch("one/link"), withDestinationPath: "z")
  #expect(
    failure { try Archive.write(directory: scratch("one"), to: scratch("out.tar.zst")) }?.kind == .badData)
  #expect(try scratch.names() == ["one"])
}
