import Foundation
import JSON
import TestSupport
import Testing

extension RegistryServer {
  fileprivate var push: [String] {
    ["--artifact", "adapter", "--base", "base", "--to", "oci://\(authority)/team/tuned:v1", "--json", "-o"]
  }
}

private let manifestPath = "registry/manifests/team/tuned/v1"

@Test(arguments: ["none", "basic", "bearer"])
func `an artifact is pushed under a tag, and a second push sends nothing`(login: String) throws {
  let sandbox = try sandboxToPublishFrom()
  let registry = try RegistryServer(sandbox, login: login)
  let first = try registry.succeed("push-artifact", registry.push + ["receipt"])
  #expect(first.errors.contains("4 of 4 files are new at oci://\(registry.authority)/team/tuned:v1 (sha256:"))
  try sandbox.succeed(
    "push-artifact", ["--artifact", "adapter", "--base", "base", "--to", "dir:local", "-o", "other"])
  let manifest = try sandbox.json(manifestPath)
  let layers = try #require(manifest["layers"]?.arrayValue)
  #expect(layers.count == 4)
  for layer in layers {
    let name = try #require(layer["annotations"]?["org.opencontainers.image.title"]?.stringValue)
    let digest = try #require(layer["digest"]?.stringValue)
    #expect(layer["annotations"]?["org.cncf.model.filepath"]?.stringValue == name)
    #expect(try sandbox.read("registry/blobs/\(digest.dropFirst(7))") == sandbox.read("local/\(name)"))
  }
  #expect(
    layers.map { $0["mediaType"]?.stringValue ?? "" }.map {
      $0.dropFirst("application/vnd.cncf.model.".count)
    } == [
      "doc.v1.raw", "weight.config.v1.raw", "weight.v1.raw", "weight.config.v1.raw",
    ])
  let result = try #require(try first.json()["result"])
  #expect(result["scheme"] == "oci")
  #expect(result["destination"]?.stringValue == "\(registry.authority)/team/tuned:v1")
  try registry.forgetRequests()
  let second = try registry.succeed("push-artifact", registry.push + ["receipt"])
  #expect(second.errors.contains("holds an adapter as it is; there was nothing to push"))
  #expect(try second.json()["digest"] == first.json()["digest"])
  #expect(try !registry.requests().contains { $0.contains(" PUT ") || $0.contains(" POST ") })
}

@Test func `another tag gets what is there already without sending it, and a tag moves only on request`()
  throws
{
  let sandbox = try sandboxToPublishFrom()
  let registry = try RegistryServer(sandbox)
  try registry.succeed("push-artifact", registry.push + ["receipt"])
  let other = try registry.succeed(
    "push-artifact", registry.push.map { $0.replacingOccurrences(of: ":v1", with: ":v2") } + ["second"])
  #expect(other.errors.contains("0 of 4 files are new"))
  let smaller = registry.push + ["third", "--no-save-projection"]
  try registry.fail(
    "push-artifact", smaller, code: 73,
    saying: "oci://\(registry.authority)/team/tuned:v1 holds something else (sha256:")
  let before = try sandbox.read(manifestPath)
  try registry.succeed("push-artifact", smaller + ["--replace"])
  #expect(try sandbox.read(manifestPath) != before)
}

@Test
func `the password goes to the registry's tokens, tokens to the registry, and neither to where blobs go`()
  throws
{
  let sandbox = try sandboxToPublishFrom()
  let registry = try RegistryServer(sandbox, login: "bearer", faults: ["elsewhere"])
  try registry.succeed("push-artifact", registry.push + ["receipt"])
  let requests = try registry.requests()
  #expect(requests.contains { $0.hasPrefix("store PUT") })
  for (place, scheme) in [("tokens", "Basic"), ("store", "-")] {
    #expect(requests.filter { $0.hasPrefix(place) }.allSatisfy { $0.hasSuffix(" \(scheme)") }, "\(requests)")
  }
  #expect(
    requests.filter { $0.hasPrefix("registry") }.allSatisfy { $0.hasSuffix(" Bearer") || $0.hasSuffix(" -") })
}

@Test(arguments: ["dropped", "unwell", "expired"])
func `a push goes through what happens to a registry`(fault: String) throws {
  let sandbox = try sandboxToPublishFrom()
  let registry = try RegistryServer(sandbox, login: "bearer", faults: [fault])
  try registry.succeed("push-artifact", registry.push + ["receipt"])
  #expect(try sandbox.json(manifestPath)["layers"]?.arrayValue?.count == 4)
}

@Test func `a push that is refused says why and leaves no receipt`() throws {
  let sandbox = try sandboxToPublishFrom()
  let registry = try RegistryServer(sandbox, login: "bearer", faults: ["denied"])
  try registry.fail(
    "push-artifact", registry.push + ["receipt"], code: 66,
    saying: "refuses access to 'team/tuned' (403)")
  let config = try sandbox.read("docker/config.json")
  func fail(_ text: String, code: Int32, _ message: String) throws {
    try sandbox.write(text, to: "docker/config.json")
    try registry.fail("push-artifact", registry.push + ["receipt"], code: code, saying: message)
  }
  try fail("{}", code: 66, "hint: log in first: docker, oras or skopeo login \(registry.authority)")
  try fail(
    String(decoding: config, as: UTF8.self).replacingOccurrences(of: #""auth": ""#, with: #""auth": "?"#),
    code: 65,
    "this is no user and password in base64")
  try fail(
    #"{"auths": {"\#(registry.authority)": {}}, "credsStore": "desktop"}"#, code: 64,
    "is kept by the helper 'desktop', which is not asked")
  #expect(!sandbox.names.contains("receipt"))
}

@Test func `a registry that garbles its answers is never believed`() throws {
  let sandbox = try sandboxToPublishFrom()
  let registry = try RegistryServer(sandbox, login: "bearer", faults: ["garble"])
  for round in 0..<40 {
    let outcome = try registry.run("push-artifact", registry.push + ["receipt-\(round)", "--replace"])
    #expect([0, 64, 65, 66, 73, 74].contains(outcome.code), "\(outcome.code): \(outcome.errors)")
    #expect(outcome.code == 0 || !sandbox.names.contains("receipt-\(round)"))
  }
}
