import Failures
import TestSupport
import Testing

@testable import Hub

@Test func `the environment says which Hub, as whom, and where its files are`() throws {
  let scratch = try TemporaryDirectory()
  _ = try scratch.write("token", " hf_saved\n")
  func access(_ variables: [String: String]) throws -> HubAccess { try HubAccess { variables[$0] } }
  let plain = try access(["HOME": "/home/me"])
  #expect(
    plain.endpoint.text == "https://huggingface.co" && plain.token == nil
      && plain.cache == "/home/me/.cache/huggingface/hub")
  let own = try access([
    "HF_HOME": scratch.path, "HF_ENDPOINT": "https://hub.example.org/", "HF_HUB_OFFLINE": "yes",
  ])
  #expect(own.endpoint.text == "https://hub.example.org" && own.token == "hf_saved" && own.isOffline)
  #expect(own.cache == scratch.path + "/hub")
  #expect(try access(["HF_HOME": scratch.path, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"]).token == nil)
  #expect(try access(["HF_HOME": scratch.path, "HUGGING_FACE_HUB_TOKEN": "hf_old"]).token == "hf_old")
  #expect(
    try access(["HOME": "/home/me", "HF_HOME": "~/hub", "HF_TOKEN": "hf_x\n"]).cache == "/home/me/hub/hub")
  #expect(try access(["HF_TOKEN": "hf_x\n"]).token == "hf_x")
  #expect(try access(["XDG_CACHE_HOME": "/x", "HF_HUB_CACHE": "/y"]).cache == "/y")
  let failure = #expect(throws: Failure.self) { try access(["HF_TOKEN": "hf_a b"]) }
  #expect(failure?.message == "the token for https://huggingface.co has characters that no token has")
}
