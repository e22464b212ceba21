import Foundation
import TestSupport
import Testing

/// Runs a pipeline again and again, each time killed at another of the calls that change what is on the disk, in the
/// runner or in whatever stage makes it.
///
/// `RANDLORA_FULL_SWEEP=1` sweeps every call; otherwise every so many are, so that all tests take a minute or so.
struct KillSweep {
  private let sandbox: Sandbox
  private let arguments: [String]
  private let environment: [String: String]
  /// What a run makes and the next one must find gone.
  private let products: [String]
  private let library: String

  /// - Parameter products: what a run leaves in the sandbox, besides the store.
  init(_ sandbox: Sandbox, _ arguments: [String], environment: [String: String] = [:], products: [String]) throws {
    self.sandbox = sandbox
    (self.arguments, self.environment) = (arguments, environment)
    self.products = products + [".randlora", "cache/randlora"]
    library = sandbox.path("cache/killat.so")
    try FileManager.default.createDirectory(atPath: sandbox.path("cache"), withIntermediateDirectories: true)
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Fixtures/faults/killat.c").path
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = ["clang", "-shared", "-fPIC", "-o", library, source, "-ldl"]
    try compiler.run()
    compiler.waitUntilExit()
    try #require(compiler.terminationStatus == 0)
  }

  /// - Parameter points: how many calls to kill at where not all are swept.
  func run(points: Int) throws {
    let whole = try killed(at: 0)
    try #require(whole.outcome.code == 0, "\(whole.outcome.errors)")
    let expected = try state()
    try #require(whole.calls > 20, "only \(whole.calls) calls were seen")
    let isFull = ProcessInfo.processInfo.environment["RANDLORA_FULL_SWEEP"] != nil
    // An odd stride meets every kind of call in a loop of several.
    let stride = isFull ? 1 : max(1, whole.calls / points) | 1
    for call in Swift.stride(from: 1, through: whole.calls, by: stride) {
      let outcome = try killed(at: call).outcome
      let rerun = try sandbox.run("randlora", arguments, environment: environment)
      #expect(rerun.code == 0, "killed at call \(call) (\(outcome.errors)), then: \(rerun.errors)")
      try sandbox.succeed("randlora", ["gc", "--store", ".randlora"])
      let found = try state()
      #expect(found == expected, "killed at call \(call): \(difference(expected, found))")
    }
  }

  /// Runs the pipeline from nothing, with or without a kill.
  private func killed(at call: Int) throws -> (outcome: Outcome, calls: Int) {
    for product in products { try? FileManager.default.removeItem(atPath: sandbox.path(product)) }
    let count = sandbox.path("cache/count")
    try Data(count: 8).write(to: URL(fileURLWithPath: count))
    let faults = ["LD_PRELOAD": library, "KILLAT_COUNT": count, "KILLAT_AT": "\(call)"]
    let outcome = try sandbox.start("randlora", arguments, environment: environment.merging(faults) { $1 }).outcome()
    let calls = try sandbox.read("cache/count").reversed().reduce(0) { $0 << 8 | Int($1) }
    return (outcome, calls)
  }

  /// Every file that a run leaves with its content, but for what says when it was made and how long that took.
  private func state() throws -> [String: Data] {
    var files: [String: Data] = [:]
    for product in products where product != "cache/randlora" {
      for path in FileManager.default.subpaths(atPath: sandbox.path(product)) ?? [] {
        let name = product + "/" + path
        let isTold = ["run.json", "report.html"].contains((path as NSString).lastPathComponent)
        let hasTimes = name.hasPrefix(".randlora/actions/") || name.hasPrefix(".randlora/logs/")
        files[name] = isTold || hasTimes ? Data() : (try? sandbox.read(name)) ?? Data()
      }
    }
    return files
  }

  private func difference(_ expected: [String: Data], _ found: [String: Data]) -> String {
    Set(expected.keys).union(found.keys).filter { expected[$0] != found[$0] }.sorted().joined(separator: ", ")
  }
}
