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

@Test func whatSomebodyChangedOrAddedInACopyIsNotReplaced() throws {
  let scratch = try Scratch()
  let original = try scratch.checkpoint("one")
  let newer = try scratch.checkpoint("three", step: 4)
  for form in [Artifact.CopyForm.sealed, .writable] {
    _ = try original.copy(to: scratch("copy"), as: form, memo: scratch.memo)
    try scratch.write("mine", to: "copy/today.txt")
    #expect(try original.copy(to: scratch("copy"), as: form, memo: scratch.memo) == false, "nothing to replace")
    let added = failure { _ = try newer.copy(to: scratch("copy"), as: form, memo: scratch.memo) }
    #expect(added?.kind == .outputExists)
    #expect(
      added?.message
        == "\(scratch("copy/today.txt")) is no file of the artifact there, and would be lost with it")
    #expect(try Files.contents(of: scratch("copy/today.txt")) == Array("mine".utf8))
    try FileManager.default.removeItem(atPath: scratch("copy/today.txt"))
    try FileManager.default.createSymbolicLink(atPath: scratch("copy/link"), withDestinationPath: scratch("one"))
    let linked = failure { _ = try newer.copy(to: scratch("copy"), as: form, memo: scratch.memo) }
    #expect(linked?.kind == .outputExists && linked?.message.contains("copy/link is neither") == true)
    try FileManager.default.removeItem(atPath: scratch("copy"))
  }
  _ = try original.copy(to: scratch("copy"), as: .writable, memo: scratch.memo)
  try scratch.overwrite(scratch("copy/state/adapter.bin"), with: "edited!")
  for artifact in [original, newer] {
    let edited = failure { _ = try artifact.copy(to: scratch("copy"), as: .writable, memo: scratch.memo) }
    #expect(edited?.kind == .outputExists)
    #expect(
      edited?.message
        == "\(scratch("copy/state/adapter.bin")) was changed or damaged since it was published, and would be replaced")
  }
  #expect(try Files.contents(of: scratch("copy/state/adapter.bin")) == Array("edited!".utf8))
  try FileManager.default.removeItem(atPath: scratch("copy/state/adapter.bin"))
  #expect(try newer.copy(to: scratch("copy"), as: .writable, memo: scratch.memo), "what is gone is made again")
  try scratch.overwrite(scratch("copy/artifact.json"), with: "{}")
  let foreign = failure { _ = try newer.copy(to: scratch("copy"), as: .writable, memo: scratch.memo) }
  #expect(foreign?.kind == .outputExists)
  #expect(foreign?.message.hasPrefix("\(scratch("copy")) exists and is not a valid artifact: ") == true)
}
