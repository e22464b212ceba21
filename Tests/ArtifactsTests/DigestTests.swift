import Artifacts
import Failures
import Testing

/// FIPS 180-4 examples.
@Test(arguments: [
  ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
  ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
  (
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
  ),
])
func theExamplesOfTheStandard(text: String, hex: String) throws {
  #expect(Digest.sha256(text.utf8).hex == hex)
  let scratch = try Scratch()
  #expect(try Digest.sha256(ofFile: try scratch.write(text, to: "f")).description == hex)
}

@Test func aFileLargerThanOneRead() throws {
  let scratch = try Scratch()
  let text = String(repeating: "a", count: 1_000_000) + String(repeating: "b", count: 2_000_000)
  #expect(try Digest.sha256(ofFile: try scratch.write(text, to: "f")) == Digest.sha256(text.utf8))
}

@Test func onlyLowerCaseHexIsADigest() {
  let hex = Digest.sha256([]).hex
  #expect(Digest(hex: hex)?.hex == hex)
  #expect(Digest(hex: hex.uppercased()) == nil)
  #expect(Digest(hex: String(hex.dropLast())) == nil)
  #expect(Digest(hex: String(hex.dropLast()) + "g") == nil)
  #expect(Digest(hex: String(hex.dropLast()) + "é") == nil)
}

@Test func filesThatCannotBeReadAreNamed() throws {
  let scratch = try Scratch()
  #expect(
    failure { _ = try Digest.sha256(ofFile: scratch("none")) }
      == Failure(.missingInput, "cannot open \(scratch("none")): No such file or directory"))
  #expect(
    failure { _ = try Digest.sha256(ofFile: scratch.path) }
      == Failure(.missingInput, "\(scratch.path) is not a file"))
}
