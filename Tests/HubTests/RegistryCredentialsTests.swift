import Failures
import Foundation
import TestSupport
import Testing

@testable import Hub

private func encoded(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

/// What is found for a repository in files that logins have left: names of variables to contents.
private func find(_ uri: String, _ files: [String: String]) throws -> RegistryCredentials? {
  let sandbox = try Sandbox()
  var variables = ["HOME": sandbox.path("home")]
  let places = [
    "REGISTRY_AUTH_FILE": "auth.json", "XDG_RUNTIME_DIR": "run/containers/auth.json",
    "XDG_CONFIG_HOME": "config/containers/auth.json",
    "DOCKER_CONFIG": "docker/config.json", "HOME": "home/.docker/config.json",
  ]
  for (variable, text) in files {
    let path = try #require(places[variable])
    try FileManager.default.createDirectory(
      atPath: (sandbox.path(path) as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try sandbox.write(text, to: path)
    variables[variable] = sandbox.path(String(path.prefix { $0 != "/" }))
  }
  guard case .registry(let reference) = try Destination(uri) else { return nil }
  return try RegistryCredentials.find(for: reference) { variables[$0] }
}

private func login(_ key: String, _ user: String) -> String {
  #"{"auths": {"\#(key)": {"auth": "\#(encoded(user + ":x"))"}}}"#
}

@Test(arguments: [
  "host:5000", "https://host:5000", "https://host:5000/v2/", "host:5000/team", "host:5000/team/tuned",
])
func `a login counts for its host or a part of it`(key: String) throws {
  #expect(try find("oci://host:5000/team/tuned:v1", ["HOME": login(key, "me")])?.basic == encoded("me:x"))
}

@Test(arguments: ["host", "host:5001", "host:5000/other", "host:5000/tea", "host:5000/team/v2"])
func `a login for something else does not count`(key: String) throws {
  #expect(try find("oci://host:5000/team/tuned:v1", ["HOME": login(key, "me")]) == nil)
}

@Test func `the narrowest login counts, and podman's before docker's`() throws {
  let both =
    #"{"auths": {"h": {"auth": "\#(encoded("wide:x"))"}, "h/a": {"auth": "\#(encoded("narrow:x"))"}}}"#
  #expect(try find("oci://h/a/b:c", ["HOME": both])?.basic == encoded("narrow:x"))
  #expect(try find("oci://h/b:c", ["HOME": both])?.basic == encoded("wide:x"))
  let all = [
    "XDG_RUNTIME_DIR": login("h", "podman"), "XDG_CONFIG_HOME": login("h", "kept"),
    "DOCKER_CONFIG": login("h", "docker"), "HOME": login("h", "home"),
  ]
  #expect(try find("oci://h/b:c", all)?.basic == encoded("podman:x"))
  #expect(try find("oci://h/b:c", all.filter { $0.key != "XDG_RUNTIME_DIR" })?.basic == encoded("kept:x"))
  #expect(try find("oci://h/b:c", all.filter { !$0.key.hasPrefix("XDG") })?.basic == encoded("docker:x"))
  #expect(try find("oci://h/b:c", all.merging(["REGISTRY_AUTH_FILE": "{}"]) { $1 }) == nil)
}

@Test func `Docker's own registry is known by its old name`() throws {
  #expect(try find("oci://docker.io/me/b:c", ["HOME": login("https://index.docker.io/v1/", "me")]) != nil)
}

@Test(arguments: [
  (#"{"auths": {"h": {"auth": "?"}}}"#, "this is no user and password in base64"),
  (#"{"auths": {"h": {"auth": 1}}}"#, "expected a string"), (#"{"auths": []}"#, "expected an object"),
  ("nonsense", "config.json"),
  (#"{"credHelpers": {"h": "pass"}}"#, "the password for h is kept by the helper 'pass', which is not asked"),
  (
    #"{"auths": {"h": {"auth": "bWU6eA=="}}, "credHelpers": {"h": "pass"}}"#,
    "the password for h is kept by the helper 'pass', which is not asked"
  ), (#"{"auths": {"h": {}}, "credsStore": "desktop"}"#, "is kept by the helper 'desktop'"),
  (#"{"credsStore": "ecr-login"}"#, "is kept by the helper 'ecr-login'"),
  (#"{"auths": {"h": {"auth": "bWU6", "identitytoken": "x"}}}"#, "an identity token is not used here"),
])
func `a login that cannot be read is an error, without what is secret in it`(file: String, message: String)
  throws
{
  let failure = #expect(throws: Failure.self) { try find("oci://h/b:c", ["HOME": file]) }
  #expect(failure.map { "\($0)" }?.contains(message) == true, "\(String(describing: failure))")
}
