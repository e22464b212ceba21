import Foundation
import TestSupport
import Testing

/// Runs a pipeline in a store that has room for so much and no more, then again with enough room.
private struct FullDisk {
  let pipeline: ShellPipeline
  private let isMounted: Bool

  init() throws {
    pipeline = try ShellPipeline()
    let trial = Process()
    trial.executableURL = URL(fileURLWithPath: "/bin/sh")
    trial.arguments = ["-c", "unshare -m mount -t tmpfs none /mnt 2>/dev/null"]
    try trial.run()
    trial.waitUntilExit()
    isMounted = trial.terminationStatus == 0
  }

  /// - Returns: how the run without room ended and what it said, and how the run with room ended.
  func run(kibibytes: Int) throws -> (first: Int, errors: String, second: Int) {
    for name in [".randlora", "out", "codes"] {
      try? FileManager.default.removeItem(atPath: pipeline.sandbox.path(name))
    }
    let program = Bundle.main.bundleURL.appendingPathComponent("randlora").path
    // Without the right to mount: a limit on the size of every file, which fails in the same places.
    let small = isMounted ? "mount -t tmpfs -o size=\(kibibytes)k none .randlora" : "ulimit -S -f \(kibibytes * 2)"
    let large = isMounted ? "mount -o remount,size=64m .randlora" : "ulimit -S -f unlimited"
    let script = """
      mkdir -p .randlora; \(small)
      "\(program)" run pipeline.yaml 2> errors; echo $? > codes
      \(large)
      "\(program)" run pipeline.yaml 2> later; echo $? >> codes
      "\(program)" gc --store .randlora > collected; find .randlora -type f | grep -c tmp >> codes
      """
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    shell.arguments = (isMounted ? ["unshare", "-m"] : []) + ["sh", "-c", script]
    shell.currentDirectoryURL = URL(fileURLWithPath: pipeline.sandbox.directory)
    shell.environment = pipeline.environment.merging(["XDG_CACHE_HOME": pipeline.sandbox.path("cache")]) { $1 }
    try shell.run()
    shell.waitUntilExit()
    let codes = String(decoding: try pipeline.sandbox.read("codes"), as: UTF8.self).split(separator: "\n")
    let errors = String(decoding: try pipeline.sandbox.read("errors"), as: UTF8.self)
    try #require(codes.count == 3)
    #expect(codes[2] == "0", "leftovers")
    return (Int(codes[0]) ?? -1, errors, Int(codes[1]) ?? -1)
  }
}

@Test func `a disk that fills up is named, and costs nothing but the run`() throws {
  let disk = try FullDisk()
  var failures = 0
  for kibibytes in stride(from: 4, through: 200, by: 4) {
    let (first, errors, second) = try disk.run(kibibytes: kibibytes)
    #expect(second == 0, "with \(kibibytes) KiB: \(errors)")
    if first == 0 { break }
    failures += 1
    #expect(
      ["No space left on device", "File too large", "write error"].contains(where: errors.contains),
      "with \(kibibytes) KiB: \(errors)")
  }
  #expect(failures > 0)
  #expect(try disk.run(kibibytes: 200).first == 0)
}
