import Failures
import Foundation
import TestSupport
import Testing

@testable import Hub

/// What is found with some variables and, in the home directory, files of Amazon's tools.
private func access(
  _ variables: [String: String] = [:], credentials: String? = nil, config: String? = nil
) throws -> ObjectStoreAccess {
  let sandbox = try Sandbox()
  try FileManager.default.createDirectory(atPath: sandbox.path(".aws"), withIntermediateDirectories: true)
  if let credentials { try sandbox.write(credentials, to: ".aws/credentials") }
  if let config { try sandbox.write(config, to: ".aws/config") }
  let all = variables.merging(["HOME": sandbox.path("")]) { $1 }
  return try ObjectStoreAccess { all[$0] }
}

private let keys = ["AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "s+/3"]

private let credentials = """
  # of two people
  [default]
  aws_access_key_id = AKIADEFAULT
  aws_secret_access_key=first

  [other]
  aws_access_key_id = AKIAOTHER
  aws_secret_access_key = a=b
  aws_session_token = hours
  """

private let config = """
  [default]
  region = eu-west-1
  [profile other]
  region = us-west-2
  s3 =
    endpoint_url = https://ignored.example
  endpoint_url = https://store.example/
  """

@Test func `variables come before files, and the default region is Amazon's`() throws {
  let given = try access(keys, credentials: credentials)
  #expect((given.key, given.secret, given.region) == ("AKIA1", "s+/3", "us-east-1"))
  #expect(given.endpoint == nil && given.sessionToken == nil)
  let more = [
    "AWS_SESSION_TOKEN": "t", "AWS_DEFAULT_REGION": "eu-north-1", "AWS_ENDPOINT_URL": "https://general.example",
    "AWS_ENDPOINT_URL_S3": "http://localhost:9000/",
  ]
  let all = try access(keys.merging(more) { $1 }, config: config)
  #expect((all.sessionToken, all.region, all.endpoint?.text) == ("t", "eu-north-1", "http://localhost:9000"))
}

@Test func `a profile is read from the files of Amazon's tools`() throws {
  let first = try access(credentials: credentials, config: config)
  #expect((first.key, first.secret, first.region) == ("AKIADEFAULT", "first", "eu-west-1"))
  let other = try access(["AWS_PROFILE": "other"], credentials: credentials, config: config)
  #expect((other.key, other.secret, other.region) == ("AKIAOTHER", "a=b", "us-west-2"))
  #expect((other.sessionToken, other.endpoint?.text) == ("hours", "https://store.example"))
  let quoted = try access(
    keys.merging(["AWS_PROFILE": "my own"]) { $1 }, config: "[profile \"my own\"]\nendpoint_url=https://own.example\n")
  #expect(quoted.endpoint?.text == "https://own.example")
  #expect(try access(["AWS_SHARED_CREDENTIALS_FILE": "~/.aws/config"], config: credentials).key == "AKIADEFAULT")
  let alone = try access(config: "[profile default]\naws_access_key_id=A\naws_secret_access_key=B\n")
  #expect((alone.key, alone.secret) == ("A", "B"))
}

@Test func `a login that is not there or makes no sense is refused without showing it`() {
  func refuse(
    _ variables: [String: String], credentials: String? = nil, config: String? = nil, _ kind: Failure.Kind, _ message: String,
    _ at: SourceLocation = #_sourceLocation
  ) {
    let failure = #expect(throws: Failure.self, sourceLocation: at) {
      try access(variables, credentials: credentials, config: config)
    }
    #expect(failure?.kind == kind && failure?.message.contains(message) == true, "\(failure as Any)", sourceLocation: at)
    #expect(failure?.description.contains("kept-secret") == false, sourceLocation: at)
  }
  refuse([:], .missingInput, "there is no login for the object store: no AWS_ACCESS_KEY_ID, and no profile 'default'")
  refuse(["AWS_PROFILE": "none"], credentials: credentials, .missingInput, "no profile 'none'")
  refuse(
    [:], config: "[default]\nsso_session = work\n", .usage,
    "the profile 'default' keeps no access key, and other ways to log in are not used here")
  refuse(["AWS_ACCESS_KEY_ID": "A"], .usage, "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set")
  let odd = "the access key for the object store has characters that no key has"
  refuse(["AWS_ACCESS_KEY_ID": "A:B", "AWS_SECRET_ACCESS_KEY": "kept-secret"], .usage, odd)
  refuse(["AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "kept-secret\n"], .usage, odd)
  refuse(keys.merging(["AWS_SESSION_TOKEN": "kept-secret é"]) { $1 }, .usage, odd)
  refuse(keys.merging(["AWS_REGION": "here/../x"]) { $1 }, .usage, "'here/../x' is no region of an object store")
  refuse(
    keys.merging(["AWS_ENDPOINT_URL": "http://store.example"]) { $1 }, .usage,
    "the object store's endpoint ('http://store.example') is no URL to use: it is not encrypted")
  refuse(
    keys.merging(["AWS_ENDPOINT_URL": "https://me:kept-secret@store.example"]) { $1 }, .usage,
    "('…@store.example') is no URL to use: it does not name a host alone")
  refuse(
    keys.merging(["AWS_ENDPOINT_URL": "https://store.example?x=1"]) { $1 }, .usage, "it has more than a host and a path")
  refuse(
    keys, config: "[default]\nservices = local\n[services local]\ns3 =\n  endpoint_url = http://localhost:9000\n", .usage,
    "the profile 'default' names its services elsewhere ('services = local'), which is not read here")
}

@Test func `no garbled file of Amazon's tools crashes`() throws {
  var generator = SeededGenerator(state: 3)
  for _ in 0..<300 {
    var bytes = Array(credentials.utf8)
    for _ in 0..<6 { bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(generator.next() & 0x7F) }
    do { _ = try access(credentials: String(decoding: bytes, as: UTF8.self)) } catch is Failure {}
  }
}
