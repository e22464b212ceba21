import Failures
import JSON
import Pipeline

/// What the stages of this installation can do, asked before anything runs.
struct FinetuneStages {
  let programs: LocalProcesses

  /// - Throws: `Failure.usage` in the stage's own words when it cannot compute or publish there.
  func check(device: String, publishing repository: String?) async throws(Failure) {
    try await require("train-step", ["--plan", "--device", device, "--dataset", Self.nowhere])
    if let repository {
      try await require(
        "push-artifact", ["--to", "hf://\(repository)", "--artifact", Self.nowhere, "--output", Self.nowhere])
    }
  }

  /// The setting that makes import-base quantize.
  ///
  /// - Throws: `Failure.usage` when it has no parameter for it.
  func quantization() async throws(Failure) -> [(name: String, value: String)] {
    let bytes = try await programs.answer(try programs.locate("import-base"), ["--describe"], directory: ".")
    let interface = try StageInterface(JSONDocument(bytes, source: "import-base --describe"))
    guard let parameter = interface.parameter("quantize") else {
      throw Failure(.usage, "--quantize: import-base of this installation cannot quantize", hint: "leave it out")
    }
    return [("base.quantize", parameter.kind == .boolean ? "true" : "nf4")]
  }

  /// A stage reads its command line first: it fails at the input that is not there only if it takes the rest.
  private static let nowhere = "/nonexistent"

  private func require(_ program: String, _ arguments: [String]) async throws(Failure) {
    do throws(Failure) {
      _ = try await programs.answer(try programs.locate(program), arguments, directory: "/")
    } catch {
      guard error.kind == .usage else { return }
      let reason = error.message.split(separator: "error: ", maxSplits: 1).last?.split(separator: "\n").first
      throw Failure(.usage, reason.map(String.init) ?? error.message)
    }
  }
}
