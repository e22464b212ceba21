import Artifacts
import Failures
import Foundation
import Testing

private func mode(_ path: String) throws -> Int? {
  try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
}

@Test func aCopyIsNoLinkAndAsReadOnlyAsItsPurposeWants() throws {
  let scratch = try Scratch()
  let original = try scratch.checkpoint("one")
  #expect(try original.copy(to: scratch("deep/sealed"), as: .sealed, memo: scratch.memo))
  #expect(try original.copy(to: scratch("mine"), as: .writable, memo: scratch.memo))
  for (name, isSealed) in [("deep/sealed", true), ("mine", false)] {
    let file = scratch(name + "/state/adapter.bin")
    #expect(try Artifact.open(scratch(name), memo: scratch.memo).digest == original.digest)
    #expect(((try mode(file) ?? 0) & 0o222 == 0) == isSealed)
    let links = try FileManager.default.attributesOfItem(atPath: file)[.referenceCount] as? Int
    #expect(links == 1)
    #expect(try original.copy(to: scratch(name), as: .writable, memo: scratch.memo) == false, "it is there already")
  }
  try scratch.write("other", to: "mine/state/adapter.bin")
  #expect(try Files.contents(of: scratch("one/state/adapter.bin")) == Array("weights".utf8))
  #expect(try scratch.names().filter { $0 != "memo" } == ["deep", "mine", "one"])
}

@Test func aCopyMakesGoodADamagedOneAndReplacesAnOlderOne() throws {
  let scratch = try Scratch()
  let original = try scratch.checkpoint("one")
  for damage in ["state/adapter.bin", "artifact.json"] {
    _ = try original.copy(to: scratch("two"), as: .sealed, memo: scratch.memo)
    try scratch.overwrite(scratch("two/" + damage), with: "junk")
    #expect(try original.copy(to: scratch("two"), as: .sealed, memo: scratch.memo))
    #expect(try Artifact.open(scratch("two"), verify: .always).digest == original.digest)
  }
  let newer = try scratch.checkpoint("three", step: 4)
  #expect(try newer.copy(to: scratch("two"), as: .sealed, memo: scratch.memo))
  #expect(try Artifact.open(scratch("two"), memo: scratch.memo).digest == newer.digest)
}

@Test func whatIsDamagedIsNotCopiedAndWhatIsForeignNotReplaced() throws {
  let scratch = try Scratch()
  let original = try scratch.checkpoint("one")
  try scratch.overwrite(scratch("one/state/adapter.bin"), with: "weighty")
  let damaged = failure { _ = try original.copy(to: scratch("two"), as: .sealed, memo: scratch.memo) }
  #expect(damaged?.kind == .badData)
  #expect(damaged?.message == "\(scratch("one")) is damaged, or changed while it was copied")
  try FileManager.default.createDirectory(atPath: scratch("mine"), withIntermediateDirectories: true)
  try scratch.write("a file of mine", to: "mine/notes")
  let foreign = failure { _ = try original.copy(to: scratch("mine"), as: .writable, memo: scratch.memo) }
  #expect(foreign?.kind == .outputExists)
  #expect(try scratch.names() == ["mine", "one"])
}
