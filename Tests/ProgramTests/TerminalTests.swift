import Foundation
import Glibc
import TestSupport
import Testing

/// A terminal of so many columns and rows that remembers what was written to it.
private final class Terminal {
  let end: FileHandle
  private let controller: FileHandle
  private var bytes: [UInt8] = []

  init(columns: UInt16, rows: UInt16) throws {
    // As posix_openpt(3) and its kin do, which Swift's Glibc module leaves out.
    let descriptor = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY)
    var (number, locked) = (Int32(), Int32())
    try #require(unsafe ioctl(descriptor, 0x4004_5431 /* TIOCSPTLCK */, &locked) == 0)
    try #require(unsafe ioctl(descriptor, 0x8004_5430 /* TIOCGPTN */, &number) == 0)
    let path = "/dev/pts/\(number)"
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    try #require(unsafe ioctl(descriptor, UInt(TIOCSWINSZ), &size) == 0)
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    controller = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    end = FileHandle(fileDescriptor: unsafe open(path, O_RDWR | O_NOCTTY), closeOnDealloc: true)
  }

  /// What one sees: all lines, those that scrolled out of sight too.
  var lines: [String] {
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = unsafe read(controller.fileDescriptor, &buffer, buffer.count)
      if count <= 0 { break }
      bytes += buffer[..<count]
    }
    return Self.lines(String(decoding: bytes, as: UTF8.self))
  }

  /// As a terminal has it, of line breaks, returns, "up so many lines" and "erase to the end"; styles change nothing.
  private static func lines(_ text: String) -> [String] {
    var (lines, row) = ([""], 0)
    var rest = Substring(text.replacingOccurrences(of: "\r\n", with: "\n"))
    while let character = rest.popFirst() {
      switch character {
      case "\n":
        row += 1
        if row == lines.count { lines.append("") }
      case "\r": lines[row] = lines[row]  // what follows moves up or erases
      case "\u{1B}":
        let code = rest.dropFirst().prefix { !$0.isLetter }
        rest = rest.dropFirst(1 + code.count)
        switch rest.popFirst() {
        case "A": row -= Int(code) ?? 1
        case "J": lines = lines[..<row] + [""]
        default: break
        }
      default: lines[row].append(character)
      }
    }
    return lines
  }

  /// Waits until the screen shows something, and says what it shows then.
  func wait(for isThere: ([String]) -> Bool) -> [String] {
    for _ in 0..<600 {
      let lines = lines
      if isThere(lines) { return lines }
      usleep(50_000)
    }
    return lines
  }
}

/// A run of stages that say how far they are and then wait for a file.
private struct LiveRun {
  let sandbox: Sandbox
  let terminal: Terminal
  let process = Process()

  init(stages: Int, columns: UInt16, rows: UInt16, _ options: String...) throws {
    sandbox = try Sandbox()
    terminal = try Terminal(columns: columns, rows: rows)
    let progress = #"{"progress":{"done":1,"total":2,"unit":"step","loss":0.5}}"#
    let entries = (1...stages).map { number in
      """
        stage\(number):
          command: |
            echo '\(progress)' >&2
            while [ ! -e go ]; do sleep 0.05; done
            echo \(number) > "$output/it"
          outputs: it

      """
    }
    try sandbox.write("stages:\n" + entries.joined(), to: "pipeline.yaml")
    process.executableURL = Bundle.main.bundleURL.appendingPathComponent("randlora")
    process.arguments = ["run", "pipeline.yaml", "--jobs", "\(stages)"] + options
    process.currentDirectoryURL = URL(fileURLWithPath: sandbox.directory)
    process.environment = ["PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": sandbox.path("cache"), "TERM": "xterm"]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = terminal.end
    try process.run()
  }

  /// Lets the stages end, and says what the terminal shows then.
  func finish() throws -> [String] {
    try sandbox.write("", to: "go")
    let lines = terminal.wait { $0.contains { $0.hasSuffix(" up to date") && !$0.contains("0 made") } && !process.isRunning }
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return lines
  }
}

@Suite struct TerminalTests {
  @Test func `each running stage has its bar and the last line says how far the run is`() throws {
    let run = try LiveRun(stages: 2, columns: 80, rows: 24)
    let bar = "[==========          ] 1/2 steps  loss 0.5000"
    let during = run.terminal.wait { $0.count { $0.contains(bar) } == 2 }
    #expect(Set(during.prefix(2)) == ["stage1 \(bar)", "stage2 \(bar)"])
    #expect(during.dropFirst(2) == ["0 made, 0 up to date, 2 stages for the first time", ""])
    let after = try run.finish()
    #expect(after.count == 4)
    #expect(Set(after.prefix(2).map { String($0.prefix(16)) }) == ["made      stage1", "made      stage2"])
    #expect(after.suffix(2) == ["2 made, 0 up to date", ""])
  }

  @Test func `what a small terminal has no room for is counted, and no line is broken`() throws {
    let run = try LiveRun(stages: 4, columns: 30, rows: 5)
    let during = run.terminal.wait { $0.count { $0.contains("[====") } == 2 }
    #expect(during.count == 5)
    #expect(during.dropFirst(2).first == "… and 2 more")
    #expect(during.allSatisfy { $0.count < 30 })
    _ = try run.finish()
  }

  @Test func `a quiet run draws nothing on a terminal`() throws {
    let run = try LiveRun(stages: 1, columns: 80, rows: 24, "--quiet")
    try run.sandbox.write("", to: "go")
    run.process.waitUntilExit()
    #expect(run.terminal.lines == [""])
  }
}
