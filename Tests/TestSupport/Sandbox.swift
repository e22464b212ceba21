package import Foundation
package import JSON
package import Testing

/// A directory of its own for one test, in which the built programs run. Removed with the value.
package final class Sandbox {
  package let directory: String

  package init() throws {
    directory = FileManager.default.temporaryDirectory.path + "/randlora-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  }

  deinit {
    // Published directories are read-only, which would keep their files from being removed.
    let walker = FileManager.default.enumerator(atPath: directory)
    while let path = walker?.nextObject() as? String {
      if walker?.fileAttributes?[.type] as? FileAttributeType == .typeDirectory {
        try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: self.path(path))
      }
    }
    try? FileManager.default.removeItem(atPath: directory)
  }

  package func path(_ name: String) -> String { directory + "/" + name }

  package func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
  }

  package func read(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path(name))) }

  package func json(_ name: String) throws -> JSON {
    try JSONDocument(Array(try read(name)), source: name).root
  }

  /// The names in the sandbox, hidden ones included, but for the cache of digests.
  package var names: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).filter { $0 != "cache" }
      .sorted()
  }

  /// Every file in the sandbox with its content, but for the cache of digests.
  package var contents: [String: Data] {
    let paths = (FileManager.default.enumerator(atPath: directory)?.allObjects as? [String] ?? []).filter {
      !$0.hasPrefix("cache")
    }
    return Dictionary(uniqueKeysWithValues: paths.map { ($0, FileManager.default.contents(atPath: path($0)) ?? Data()) })
  }

  /// Replaces what stands in a file, also in one that is read-only.
  package func edit(_ name: String, _ change: (inout Data) -> Void) throws {
    var data = try read(name)
    change(&data)
    let file = path(name)
    let directory = (file as NSString).deletingLastPathComponent
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory)
    try FileManager.default.removeItem(atPath: file)
    try data.write(to: URL(fileURLWithPath: file))
  }

  /// Removes a file, also a read-only one.
  package func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path(name)) }

  /// Starts a program in the sandbox.
  /// - Parameters:
  ///   - dataLimit: the most private memory that it may have, in KiB (`ulimit -d`).
  ///   - narrow: its standard error, instead of a file; see `NarrowPipe`.
  package func start(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], dataLimit: Int? = nil,
    errorsTo narrow: NarrowPipe? = nil
  ) throws -> RunningProgram {
    let process = Process()
    let executable = Bundle.main.bundleURL.appendingPathComponent(program)
    process.executableURL = dataLimit == nil ? executable : URL(fileURLWithPath: "/bin/sh")
    process.arguments =
      (dataLimit.map { ["-c", "ulimit -d \($0) && exec \"$0\" \"$@\"", executable.path] } ?? []) + arguments
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    process.environment = [
      "PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": path("cache"), "HF_HUB_OFFLINE": "1",
    ]
    .merging(environment) { $1 }
    // Files, not pipes: a program that fills one pipe while the test reads the other would wait for ever.
    let streams = ["out", "err"].map { "\(directory)/cache/\(UUID().uuidString).\($0)" }
    try FileManager.default.createDirectory(atPath: path("cache"), withIntermediateDirectories: true)
    for stream in streams { _ = FileManager.default.createFile(atPath: stream, contents: nil) }
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: streams[0]))
    process.standardError = try narrow?.writing ?? FileHandle(forWritingTo: URL(fileURLWithPath: streams[1]))
    process.standardInput = FileHandle.nullDevice
    try process.run()
    try narrow?.writing.close()
    return RunningProgram(process: process, output: streams[0], errors: streams[1], narrow: narrow)
  }

  /// Runs a program in the sandbox.
  @discardableResult
  package func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], dataLimit: Int? = nil
  ) throws -> Outcome {
    let outcome = try start(program, arguments, environment: environment, dataLimit: dataLimit).outcome()
    #expect(outcome.signal == nil, "\(program) crashed: \(outcome.errors)")
    return outcome
  }

  /// Runs a program that must succeed.
  @discardableResult
  package func succeed(
    _ program: String, _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Outcome {
    let outcome = try run(program, arguments)
    #expect(outcome.code == 0, "\(program): \(outcome.errors)", sourceLocation: sourceLocation)
    return outcome
  }

  /// Runs a program that must fail with one sentence on standard error, and leave every file as it was.
  package func fail(
    _ program: String, _ arguments: [String], code: Int32, saying message: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = contents
    let outcome = try run(program, arguments)
    #expect(outcome.code == code, "\(program): \(outcome.errors)", sourceLocation: sourceLocation)
    #expect(outcome.output.isEmpty, sourceLocation: sourceLocation)
    let work = ["checking ", "reading ", "merging "]
    var lines = outcome.errors.split(separator: "\n").filter { line in !work.contains { line.hasPrefix($0) } }[...]
    // What a training will take is a table that stands before its first step.
    if lines.first?.hasPrefix("memory of a step") == true {
      lines = lines[lines.index(after: lines.firstIndex { $0.hasPrefix("together") } ?? lines.startIndex)...]
    }
    #expect(lines.first?.hasPrefix("error: ") == true, "\(outcome.errors)", sourceLocation: sourceLocation)
    #expect(lines.count <= 2, "\(outcome.errors)", sourceLocation: sourceLocation)
    #expect(
      outcome.errors.contains(message), "expected '\(message)', found '\(outcome.errors)'",
      sourceLocation: sourceLocation)
    let after = contents
    #expect(
      Set(after.keys) == Set(before.keys), "\(program) left something behind", sourceLocation: sourceLocation)
    #expect(after == before, "\(program) changed a file", sourceLocation: sourceLocation)
  }
}
