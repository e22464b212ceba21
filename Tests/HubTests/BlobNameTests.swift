import Testing

@testable import Hub

@Test func `git's name for a content, and its SHA-256`() throws {
  // `printf 'hello\n' | git hash-object --stdin`, and sha256sum.
  #expect(
    BlobName(of: Array("hello\n".utf8), asGitBlob: true).hex == "ce013625030ba8dba906f756967f9e9ca394464a")
  #expect(
    BlobName(of: Array("hello\n".utf8), asGitBlob: false).hex
      == "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03")
  for text in ["", "../x", String(repeating: "A", count: 40), String(repeating: "a", count: 41)] {
    #expect(BlobName(text) == nil)
  }
}
