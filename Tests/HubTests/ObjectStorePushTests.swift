import Artifacts
import Failures
import Testing

@testable import Hub

@Test func `what an object store cannot take is refused before it is asked`() throws {
  let variables = [
    "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B", "AWS_ENDPOINT_URL": "http://localhost:1",
  ]
  func push(_ name: String, bytes: Int) throws(Failure) {
    let store = try ObjectStore(bucket: "models", prefix: "p", environment: { variables[$0] }, isStopped: { false })
    func file(_ name: String, _ bytes: Int) -> OutgoingFile {
      OutgoingFile(name: name, path: "/nowhere/" + name, bytes: bytes, sha256: .sha256([]))
    }
    let push = ObjectStorePush([file(name, bytes)], listedIn: file("artifact.json", 1), to: store, replacing: false)
    _ = try push { _ in { _ in } }
  }
  let large = #expect(throws: Failure.self) { try push("model.gguf", bytes: 5 << 30 + 1) }
  #expect(large?.kind == .badData)
  #expect(
    large?.message == "'model.gguf' has 5368709121 bytes, and an object store takes 5368709120 in one piece")
  let long = #expect(throws: Failure.self) { try push(String(repeating: "x", count: 1023), bytes: 1) }
  #expect(long?.kind == .usage)
  #expect(long?.message.hasSuffix("x has more than the 1024 bytes of an object's name") == true)
}
