import Foundation
import TestSupport
import Testing

@Test func `a store that may only be read gives what it has and says what to do for the rest`() throws {
  var pipeline = try ShellPipeline()
  pipeline.variables = ["RANDLORA_STORE": pipeline.sandbox.path("central")]
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  if getuid() != 0 { try pipeline.makeReadOnly("central") }
  defer { if getuid() != 0 { pipeline.makeWritable("central") } }
  let known = try pipeline.runAsStranger("run", "pipeline.yaml")
  #expect(known.code == 0, "\(known.errors)")
  let refused = try pipeline.runAsStranger("run", "pipeline.yaml", "--set", "minimum=1")
  #expect(refused.code == 74)
  let central = pipeline.sandbox.path("central")
  #expect(
    refused.errors.hasPrefix(
      """
      error: counted: 'counted' must be made, but the store \(central) may only be read
      hint: set RANDLORA_STORE to a directory of your own, and RANDLORA_STORE_UPSTREAM to \(central)
      """), "\(refused.errors)")
  #expect(try pipeline.sandbox.read("calls") == Data("ran\n".utf8))
}

@Test func `what an upstream store has is copied in and not made again`() throws {
  var pipeline = try ShellPipeline()
  pipeline.variables = ["RANDLORA_STORE": pipeline.sandbox.path("central")]
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  pipeline.variables = ["RANDLORA_STORE_UPSTREAM": pipeline.sandbox.path("central")]
  let outcome = try pipeline.run("run", "pipeline.yaml")
  #expect(outcome.code == 0)
  #expect(outcome.errors.contains("fetched   counted from upstream"), "\(outcome.errors)")
  #expect(try pipeline.sandbox.read("calls") == Data("ran\n".utf8))
  #expect(try pipeline.names(".randlora/objects") == pipeline.names("central/objects"))
  #expect(try pipeline.names(".randlora/actions") == pipeline.names("central/actions"))
}

@Test func `results go upstream on request, and only then`() throws {
  var pipeline = try ShellPipeline()
  let nowhere = try pipeline.run("run", "pipeline.yaml", "--push")
  #expect(nowhere.code == 64)
  #expect(nowhere.errors.hasPrefix("error: --push: there is no upstream store\nhint: name one with RANDLORA_STORE_"))
  pipeline.variables = ["RANDLORA_STORE_UPSTREAM": pipeline.sandbox.path("central")]
  let missing = try pipeline.run("run", "pipeline.yaml")
  #expect(missing.code == 66)
  #expect(missing.errors.hasPrefix("error: RANDLORA_STORE_UPSTREAM: there is no store at "), "\(missing.errors)")
  for directory in ["objects", "actions"] {
    try FileManager.default.createDirectory(
      atPath: pipeline.sandbox.path("central/" + directory), withIntermediateDirectories: true)
  }
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  #expect(try pipeline.names("central/objects") == [])
  let pushed = try pipeline.run("run", "pipeline.yaml", "--push")
  #expect(pushed.errors.contains("pushed    counted to \(pipeline.sandbox.path("central"))"), "\(pushed.errors)")
  #expect(try pipeline.names("central/objects") == pipeline.names(".randlora/objects"))
  #expect(try pipeline.run("run", "pipeline.yaml", "--push").errors.contains("pushed") == false)
}

@Test func `what a group shares, the group may write`() throws {
  var pipeline = try ShellPipeline("umask > mask")
  let store = pipeline.sandbox.path("shared")
  try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: true)
  #expect(unsafe chmod(store, 0o2775) == 0)
  pipeline.variables = ["RANDLORA_STORE": store]
  let outcome = try pipeline.run("run", "pipeline.yaml")
  #expect(outcome.code == 0, "\(outcome.errors)")
  for name in ["objects", "actions", "locks", "tmp", "logs"] {
    let mode = try FileManager.default.attributesOfItem(atPath: "\(store)/\(name)")[.posixPermissions] as? Int
    #expect((mode ?? 0) & 0o070 == 0o070, "\(name)")
  }
  #expect(String(decoding: try pipeline.sandbox.read("mask"), as: UTF8.self).hasSuffix("02\n"))
}

@Test func `where there can be no store it is said what to do`() throws {
  var pipeline = try ShellPipeline()
  let closed = pipeline.sandbox.path("closed")
  try FileManager.default.createDirectory(atPath: closed, withIntermediateDirectories: true)
  try pipeline.makeReadOnly("closed")
  defer { pipeline.makeWritable("closed") }
  pipeline.variables = ["RANDLORA_STORE": closed + "/store"]
  let outcome = try pipeline.runAsStranger("run", "pipeline.yaml")
  #expect(outcome.code == 74)
  let expected = "/closed/store: Permission denied\nhint: set RANDLORA_STORE to a directory that you may write to\n"
  #expect(outcome.errors.contains(expected), "\(outcome.errors)")
}

@Test func `what is damaged upstream is made anew`() throws {
  var pipeline = try ShellPipeline()
  pipeline.variables = ["RANDLORA_STORE": pipeline.sandbox.path("central")]
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  let digest = try #require(try pipeline.names("central/objects").first)
  try pipeline.sandbox.edit("central/objects/\(digest)/count") { $0[0] ^= 1 }
  pipeline.variables = ["RANDLORA_STORE_UPSTREAM": pipeline.sandbox.path("central")]
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  #expect(try pipeline.sandbox.read("calls") == Data("ran\nran\n".utf8))
  #expect(try pipeline.sandbox.read("out/counted/count") == Data("2\n".utf8))
  // Pushing mends it.
  #expect(try pipeline.run("run", "pipeline.yaml", "--push").code == 0)
  #expect(try pipeline.sandbox.read("central/objects/\(digest)/count") == Data("2\n".utf8))
}
