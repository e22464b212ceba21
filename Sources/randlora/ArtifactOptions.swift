import ArgumentParser
import Artifacts
import Failures
import Pipeline

/// Which artifacts a question is about.
struct ArtifactOptions: ParsableArguments {
  static let help: ArgumentHelp = """
    The artifact: its directory, the first digits of its digest, the stage whose latest result it is, or FILE:STAGE, the \
    result that a stage of a pipeline file has as it is now.
    """

  @OptionGroup var place: StoreOptions
  @OptionGroup var parameters: ParameterSettings

  /// Refuses settings that none of the artifacts has a use for.
  func check(_ artifacts: String...) throws(Failure) {
    guard parameters.settings.isEmpty || artifacts.contains(where: { Self.stageOfFile($0) != nil }) else {
      throw Failure(.usage, "--set is for artifacts named FILE:STAGE", hint: "name the pipeline file, or leave --set out")
    }
  }

  /// An artifact as a person names it, and the store that knows how it came about; nil where there is none.
  func find(_ text: String) async throws(Failure) -> (artifact: Artifact, store: Store?) {
    if let (file, stage) = Self.stageOfFile(text) { return try await result(of: stage, in: file) }
    let reference = ArtifactReference(text)
    guard reference.isDirectory else {
      let store = try place.open()
      return (try reference.artifact(in: store), store)
    }
    let around = place.store ?? ArtifactReference.store(around: text) ?? StorePlace.named ?? ".randlora"
    let known = Files.isDirectory(around + "/actions") ? try Store(existing: around) : nil
    return (try reference.artifact(in: known), known)
  }

  /// The two halves of FILE:STAGE, when there is such a file.
  private static func stageOfFile(_ text: String) -> (file: String, stage: String)? {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let file = String(text[..<colon])
    guard Files.exists(file), !Files.isDirectory(file) else { return nil }
    return (file, String(text[text.index(after: colon)...]))
  }

  private func result(of stage: String, in file: String) async throws(Failure) -> (Artifact, Store?) {
    let pipeline = try PipelineFile(path: file, settings: parameters.values())
    let store = try StorePlace.open(of: pipeline, at: place.store)
    let events = EventLog()
    let summary = try await pipeline.plan([stage], in: store, report: events.add)
    let names = pipeline.stages.filter { $0.name == stage || $0.family == stage }.map(\.name)
    guard names.count == 1, let name = names.first else {
      throw Failure(
        .usage, "'\(stage)' stands for \(names.count) stages", hint: "name one: " + names.joined(separator: ", "))
    }
    guard let digest = summary[name] else {
      for case .failed(let label, let failure, _, _) in events.all {
        throw Failure(failure.kind, "\(label): \(failure.message)", hint: failure.hint)
      }
      throw Failure(
        .missingInput, "\(file): the stage '\(name)' has no result as the file is now",
        hint: "'randlora run' with the same file and --set makes it")
    }
    return (try store.object(digest, verify: .sizes), store)
  }
}
