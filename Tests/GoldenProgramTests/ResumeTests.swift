import Foundation
import JSON
import TestSupport
import Testing

/// Training in one piece, in many, or killed on the way gives the same bytes.
@Suite struct ResumeTests {
  @Test(arguments: [[], ["--sparse"], ["--use-lora"]])
  func `one process and forty, one thread and three`(adapter: [String]) throws {
    let run = try TrainingRun(adapter: adapter)
    let whole = try run.train("whole", ["--threads", "1"])
    for threads in ["2", "3"] {
      #expect(try run.train("threads-\(threads)", ["--threads", threads]) == whole)
    }
    var checkpoint = "start"
    var digest = ""
    for step in 1...TrainingRun.steps {
      digest = try run.train("step-\(step)", from: checkpoint, ["--steps", "1", "--threads", "1"])
      checkpoint = "step-\(step)"
    }
    #expect(digest == whole)
  }

  @Test(arguments: [[], ["--use-lora"]])
  func `interrupted at step 17 and resumed by the same command`(adapter: [String]) throws {
    let run = try TrainingRun(adapter: adapter)
    let whole = try run.train("whole")
    _ = try run.train("sixteen", ["--steps", "16"])
    #expect(try run.interrupt("resumed", from: "sixteen") == 17)
    #expect(try run.interrupt("resumed", from: "sixteen", with: SIGTERM) == 18)
    #expect(try run.train("resumed", from: "sixteen") == whole)
    let metrics = try run.sandbox.json("resumed/run.json")["metrics"]?.arrayValue ?? []
    #expect(metrics.map { $0["step"]?.integerValue } == Array(17...TrainingRun.steps))
    #expect(!run.sandbox.names.contains { $0.hasPrefix("resumed.") || $0.hasPrefix(".") })
  }

  @Test func `killed and started again`() throws {
    let run = try TrainingRun(adapter: [])
    let whole = try run.train("whole")
    #expect(try run.stop("again", from: "start", with: SIGKILL).signal == SIGKILL)
    #expect(!run.sandbox.names.contains { $0.hasPrefix("again") })
    #expect(try run.interrupt("again", from: "start") == 1)
    #expect(try run.stop("again", from: "start", with: SIGKILL).signal == SIGKILL)
    #expect(!run.sandbox.names.contains("again"))
    #expect(try run.train("again") == whole)
    #expect(!run.sandbox.names.contains { $0.hasPrefix("again.") || $0.hasPrefix(".") })
  }

  @Test func `a damaged remainder is not taken up`() throws {
    let run = try TrainingRun(adapter: [])
    let whole = try run.train("whole")
    #expect(try run.interrupt("output", from: "start") == 1)
    try run.sandbox.edit("output.partial/optimizer.safetensors") { $0[$0.count - 1] ^= 1 }
    #expect(try run.train("output") == whole)
  }
}
