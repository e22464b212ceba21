import Foundation
import TestSupport
import Testing

/// Runs a pipeline again and again, each time with something that goes wrong at another of the calls that change what
/// is on the disk, in the runner or in whatever stage makes it. A plain run after it must end with the same bytes as one
/// that nothing happened to.
///
/// `RANDLORA_FULL_SWEEP=1` sweeps every call; otherwise every so many are, so that all tests take a minute or so.
struct FaultSweep {
  enum Fault {
    /// The process that makes the call is killed.
    case kill
    /// The runner and all stages are killed at once.
    case killAll
    /// As `killAll`, and the disk has lost what nobody waited for.
    case powerCut
    /// The call fails; where that ends the run, with one of these exit codes.
    case error(Int32, exitCodes: Set<Int32>)

    fileprivate var action: String {
      switch self {
      case .kill: "kill"
      case .killAll, .powerCut: "kill-all"
      case .error(let number, _): "\(number)"
      }
    }
  }

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
    library = sandbox.path("cache/faults.so")
    try FileManager.default.createDirectory(atPath: sandbox.path("cache"), withIntermediateDirectories: true)
    let source = fixture("faults.c", of: "faults")
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = ["clang", "-shared", "-fPIC", "-o", library, source, "-ldl"]
    try compiler.run()
    compiler.waitUntilExit()
    try #require(compiler.terminationStatus == 0)
  }

  /// - Parameter points: how many calls something happens at where not all are swept.
  func run(_ fault: Fault, points: Int) throws {
    let whole = try run(fault, at: 0)
    try #require(whole.outcome.code == 0, "\(whole.outcome.errors)")
    let expected = try state()
    try #require(whole.calls > 5, "only \(whole.calls) calls were seen")
    let isFull = ProcessInfo.processInfo.environment["RANDLORA_FULL_SWEEP"] != nil
    // An odd stride meets every kind of call in a loop of several.
    let stride = isFull ? 1 : max(1, whole.calls / points) | 1
    for call in Swift.stride(from: 1, through: whole.calls, by: stride) {
      let outcome = try run(fault, at: call).outcome
      switch fault {
      case .kill, .killAll: break
      case .powerCut: try LostWrites(log: String(decoding: sandbox.read("cache/log"), as: UTF8.self)).lose(call)
      case .error(let number, let exitCodes): check(outcome, number, exitCodes, call)
      }
      let rerun = try sandbox.run("randlora", arguments, environment: environment)
      #expect(rerun.code == 0, "\(fault) at call \(call) (\(outcome.errors)), then: \(rerun.errors)")
      try sandbox.succeed("randlora", ["gc", "--store", ".randlora"])
      let found = try state()
      #expect(found == expected, "\(fault) at call \(call): \(difference(expected, found))")
    }
  }

  /// A run goes on without what it can do without, or ends and says why.
  private func check(_ outcome: Outcome, _ number: Int32, _ exitCodes: Set<Int32>, _ call: Int) {
    if outcome.code == 0 { return }
    #expect(exitCodes.contains(outcome.code), "error \(number) at call \(call): \(outcome.errors)")
    let text = unsafe String(cString: strerror(number))
    #expect(outcome.errors.contains(text), "error \(number) at call \(call): \(outcome.errors)")
  }

  /// Runs the pipeline from nothing.
  private func run(_ fault: Fault, at call: Int) throws -> (outcome: Outcome, calls: Int) {
    for product in products { try? FileManager.default.removeItem(atPath: sandbox.path(product)) }
    let (state, log) = (sandbox.path("cache/state"), sandbox.path("cache/log"))
    try Data(count: 4096).write(to: URL(fileURLWithPath: state))
    try Data().write(to: URL(fileURLWithPath: log))
    let faults = [
      "LD_PRELOAD": library, "FAULTS_STATE": state, "FAULTS_AT": "\(call)", "FAULTS_DO": fault.action,
      "FAULTS_LOG": log,
    ]
    let outcome = try sandbox.start("randlora", arguments, environment: environment.merging(faults) { $1 }).outcome()
    let calls = try sandbox.read("cache/state").prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
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

/// What a file system may lose when the power goes: names that were given without waiting for their directory, and
/// the content of files that were written without waiting for them.
private struct LostWrites {
  private var unsynced: Set<String> = []
  private var renames: [(from: String, to: String)] = []

  /// - Parameter log: what was written (W), synced (S) and renamed (R), line by line.
  init(log: String) {
    for line in log.split(separator: "\n") where line.count > 2 {
      let rest = String(line.dropFirst(2))
      switch line.first {
      case "W": unsynced.insert(rest)
      case "S":
        unsynced.remove(rest)
        renames.removeAll { ($0.to as NSString).deletingLastPathComponent == rest }
      default:
        let names = rest.split(separator: "\t").map(String.init)
        guard names.count == 2 else { continue }
        renames.append((names[0], names[1]))
        unsynced = Set(unsynced.map { Self.path($0, afterRenaming: names[0], to: names[1]) })
      }
    }
  }

  private static func path(_ path: String, afterRenaming old: String, to new: String) -> String {
    path == old || path.hasPrefix(old + "/") ? new + path.dropFirst(old.count) : path
  }

  /// Loses names at every other call, and content in three ways: all of it, half of it, or all that is not zero.
  func lose(_ call: Int) throws {
    var unsynced = unsynced
    for (from, to) in renames.reversed() where call % 2 == 0 && !FileManager.default.fileExists(atPath: from) {
      guard unsafe rename(to, from) == 0 else { continue }
      unsynced = Set(unsynced.map { Self.path($0, afterRenaming: to, to: from) })
    }
    for path in unsynced {
      guard let content = FileManager.default.contents(atPath: path) else { continue }
      _ = unsafe chmod(path, 0o644)
      let left = [Data(), content.prefix(content.count / 2), Data(count: content.count)][call % 3]
      try left.write(to: URL(fileURLWithPath: path))
    }
  }
}
