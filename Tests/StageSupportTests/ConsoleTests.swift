import Failures
import JSON
import Synchronization
import Testing

@testable import StageSupport

/// A console that writes into a string, with a clock that a test moves.
private final class Recording: Sendable {
  private let text = Mutex("")
  private let seconds = Mutex(0.0)

  var written: String { text.withLock { $0 } }
  func wait(_ duration: Double) { seconds.withLock { $0 += duration } }

  func console(_ form: Console.Form, quiet: Bool = false, colored: Bool = false, width: Int = 60) -> Console {
    Console(
      form: form, quiet: quiet, colored: colored, width: { width }, now: { self.seconds.withLock { $0 } },
      write: { piece in self.text.withLock { $0 += piece } })
  }
}

@Test func `a log gets a line every few seconds and the final one`() {
  let recording = Recording()
  let bar = recording.console(.plain).progress("training", total: 40, unit: "step")
  for step in 1...40 {
    recording.wait(0.3)
    bar.update(step, [("loss", 2 / Double(step))])
  }
  bar.finish()
  bar.finish()
  #expect(
    recording.written == """
      training 17/40 steps, 3.333 steps/s, ETA 0:07, loss 0.1176
      training 34/40 steps, 3.333 steps/s, ETA 0:02, loss 0.0588
      training 40/40 steps, 3.333 steps/s, in 0:12, loss 0.0500

      """)
}

@Test func `a terminal gets one live line that notes do not break`() {
  let recording = Recording()
  let console = recording.console(.terminal)
  let bar = console.progress("hashing", total: 4_000_000_000, unit: "byte")
  recording.wait(1)
  bar.update(1_000_000_000)
  console.note("a note")
  recording.wait(1)
  bar.advance(by: 3_000_000_000)
  bar.finish()
  let live = "hashing [==   ] 1.0 GB/4.0 GB  1.0 GB/s  ETA 0:03"
  #expect(recording.written.hasPrefix("\r\u{1B}[Khashing ["))
  #expect(recording.written.contains("1.0 GB/4.0 GB  1.0 GB/s  ETA 0:03\r\u{1B}[Ka note\nhashing ["))
  #expect(recording.written.hasSuffix("4.0 GB/4.0 GB  2.0 GB/s  in 0:02\n"))
  #expect(live.count < 60)
}

@Test func `no live line is wider than the terminal`() {
  let recording = Recording()
  let bar = recording.console(.terminal, width: 24).progress("a long label for a bar", total: 2, unit: "step")
  bar.update(1, [("loss", 1)])
  #expect(recording.written == "\r\u{1B}[Ka long label for a bar ")
}

@Test func `programs get progress as JSON lines`() throws {
  let recording = Recording()
  let bar = recording.console(.json).progress("training", total: 40, unit: "step", startingAt: 1)
  recording.wait(2)
  bar.update(5, [("loss", 0.5), ("bad", .nan)])
  #expect(
    recording.written
      == #"{"progress":{"done":5,"total":40,"unit":"step","label":"training","rate":2,"loss":0.5}}"# + "\n")
}

@Test(arguments: [Console.Form.terminal, .plain, .json])
func `quiet silences all but errors and warnings`(form: Console.Form) {
  let recording = Recording()
  let console = recording.console(form, quiet: true)
  let bar = console.progress("training", total: 2, unit: "step")
  recording.wait(100)
  bar.update(1)
  bar.finish()
  console.note("a note")
  console.warn("careful")
  console.report(Failure(.badData, "it is wrong", hint: "mend it"))
  #expect(recording.written == "warning: careful\nerror: it is wrong\nhint: mend it\n")
}

@Test func `colour is used only where it is wanted`() {
  let recording = Recording()
  recording.console(.terminal, colored: true).report(Failure(.badData, "wrong"))
  #expect(recording.written == "\u{1B}[1;31merror:\u{1B}[0m wrong\n")
}

@Test func `a table aligns its columns`() {
  var table = TextTable(.text("split"), .number("rows"), .text(""))
  table.add("train", "1,234", "x")
  table.add("validation", "5")
  #expect(table.lines == ["split        rows", "train       1,234  x", "validation      5"])
}

@Test func `numbers are written for people`() {
  #expect(
    [0, 12, -999, 1000, -1_234_567].map(NumberText.count) == ["0", "12", "-999", "1,000", "-1,234,567"])
  #expect(NumberText.fixed(1.96, decimals: 1) == "2.0")
  #expect(NumberText.fixed(-0.04, decimals: 1) == "0.0")
  #expect(NumberText.fixed(.nan, decimals: 1) == "nan")
  #expect(
    [0, 0.01234, 3.14159, 12.3456, 123.456, 12345.6].map(NumberText.short)
      == ["0", "0.0123", "3.142", "12.35", "123.5", "12346"])
  #expect(
    [0.00225, 2.25e-4, 0.00003, 2.5e9, -1e-7].map(NumberText.short)
      == ["0.00225", "0.000225", "3.00e-5", "2.50e9", "-1.00e-7"])
  #expect([5, 999, 1000, 1_250_000_000].map(NumberText.bytes) == ["5 B", "999 B", "1.0 kB", "1.3 GB"])
  #expect([0.4, 42, 3723, .infinity].map(NumberText.duration(seconds:)) == ["0:00", "0:42", "1:02:03", "?"])
}
