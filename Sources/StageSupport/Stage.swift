package import Artifacts
package import Failures
import FoundationEssentials
package import JSON

/// One run of a stage: its inputs, opened and checked; its effective parameters; and the way to publish its output.
package final class Stage {
  package let console: Console
  /// Where the output artifact goes. Empty when the stage prints its result instead.
  package let output: String
  private let description: StageDescription
  private let parameters: StageParameters
  /// The role of the second artifact of a flag ends with `-2`.
  private let inputs: [(flag: String, role: String, artifact: Artifact)]
  private let printsJSON: Bool
  private let startedAt = Date()

  /// - Throws: `Failure.usage` when an option that is needed is not given, and what opening the inputs throws.
  init<Command: StageCommand>(_ command: Command) throws(Failure) {
    description = Command.stage
    console = Console.standard(quiet: command.options.quiet)
    printsJSON = command.options.json
    if let output = command.options.output, !output.isEmpty {
      guard description.output != nil else {
        throw Failure(
          .usage, "--output: \(description.name) makes no artifact", hint: "leave it out; it prints its result")
      }
      self.output = Files.withoutSlashes(output)
    } else if description.output == nil {
      output = ""
    } else {
      throw Self.missingOption("output", of: description)
    }
    let values = command.optionValues
    inputs = try Self.open(description, values)
    parameters = try StageParameters(description, values)
  }

  private static func open(
    _ stage: StageDescription, _ values: [(name: String, value: JSON)]
  ) throws(Failure) -> [(flag: String, role: String, artifact: Artifact)] {
    var inputs: [(flag: String, role: String, artifact: Artifact)] = []
    for input in stage.inputs {
      let value = values.first { $0.name == input.role }?.value
      let directories = (value?.arrayValue ?? value.map { [$0] } ?? []).compactMap(\.stringValue)
      for (index, directory) in directories.enumerated() {
        inputs.append((input.role, input.role(at: index), try Artifact.open(directory, as: input.kinds)))
      }
      if directories.isEmpty, input.required { throw missingOption(input.role, of: stage) }
    }
    return inputs
  }

  private static func missingOption(_ name: String, of stage: StageDescription) -> Failure {
    Failure(.usage, "Missing expected argument '--\(name) <\(name)>'", hint: "see '\(stage.name) --help'")
  }

  // MARK: - Inputs

  /// The input of that role, which the stage requires.
  package func input(_ role: String) throws(Failure) -> Artifact {
    guard let artifact = optionalInput(role) else { throw Self.missingOption(role, of: description) }
    return artifact
  }

  /// The input of that role, nil when it was not given.
  package func optionalInput(_ role: String) -> Artifact? {
    inputs.first { $0.role == role }?.artifact
  }

  /// All inputs of a role that may be given several times, in their order.
  package func inputs(_ role: String) -> [Artifact] { inputs.filter { $0.flag == role }.map(\.artifact) }

  /// Refuses an input that was made for another one: a checkpoint of another base, say.
  ///
  /// - Parameters:
  ///   - field: the field of the input's section that holds the digest of the other input.
  package func require(_ role: String, names field: String, of other: String) throws(Failure) {
    guard let wanted = optionalInput(other) else { return }
    for artifact in inputs(role) {
      guard let named = try artifact.section.optional(field) else { continue }
      guard try named.string() == wanted.digest.hex else {
        throw named.failure(
          "'\(artifact.directory)' was made for the \(other) \(try named.string().prefix(12)), "
            + "but '\(wanted.directory)' is \(wanted.digest.hex.prefix(12))",
          hint: "give the --\(other) that it was made for")
      }
    }
  }

  // MARK: - The output

  /// The output if it exists already, made by this stage from the same inputs and parameters, and is intact.
  /// Where it is nil, an artifact can be published there: hours of work must not end at a closed door.
  ///
  /// Any other artifact that stands in the output's place is compared with what this run makes, once that is known.
  ///
  /// - Throws: `Failure.outputExists` when something else than an artifact of this kind is there, `Failure.io` when
  ///   nothing can be written there.
  func currentOutput() throws -> Artifact? {
    guard let kind = description.output else { return nil }
    guard let existing = try? Artifact.open(output, as: []) else {
      try ArtifactWriter.check(output: output)
      return nil
    }
    guard existing.kind == kind else {
      throw Failure(
        .outputExists, "'\(output)' exists and is \(existing.kind.words), not \(kind.words)",
        hint: "remove it, or choose another --output")
    }
    guard !description.actsElsewhere, let record = existing.runRecord, isThisRun(record) else { return nil }
    console.note("'\(output)' is up to date (\(existing.digest.hex.prefix(12)))")
    printResult(of: existing)
    return existing
  }

  /// Refuses an artifact that is there already and cannot equal what this run makes, before the work is done.
  ///
  /// - Parameter fields: what this run's section will say.
  package func refuseOther(_ fields: JSONObject) throws(Failure) {
    guard let existing = try? Artifact.open(output, as: []) else { return }
    for (name, value) in fields.members where existing.section.value[name] != value {
      throw Failure(
        .outputExists, "\(output) exists and holds another artifact: \(existing.kind.words) with another \(name)",
        hint: "remove it, or give another --output")
    }
  }

  private func isThisRun(_ record: JSON) -> Bool {
    guard record["stage"]?.stringValue == description.name,
      record["revision"] == .integer(description.revision),
      let recordedInputs = record["inputs"]?.objectValue,
      let recordedParameters = record["parameters"]?.objectValue
    else { return false }
    let digests = inputs.reduce(into: JSONObject()) { $0[$1.role] = .string($1.artifact.digest.hex) }
    return recordedInputs == digests && parameters.sameResult(as: recordedParameters)
  }

  /// Begins the output: files are written to the paths that the writer gives out.
  package func writer() throws(Failure) -> ArtifactWriter {
    try Interruption.check()
    guard let kind = description.output else {
      throw Failure(.internal, "\(description.name) has no output artifact")
    }
    return try ArtifactWriter(output: output, kind: kind)
  }

  /// Publishes the output and says so.
  ///
  /// - Parameters:
  ///   - section: the manifest's section of the output's kind.
  ///   - metrics: what was measured on the way, for the run record.
  ///   - environment: further facts about the machine, such as the instructions that computed.
  ///   - check: a last look at the directory before it gets its name, for example by loading it again.
  @discardableResult
  package func publish(
    _ writer: ArtifactWriter, section: JSONObject, metrics: [JSON] = [], environment: JSONObject = [:],
    checking check: (_ directory: String) throws(Failure) -> Void = { _ in }
  ) throws(Failure) -> Artifact {
    let record = runRecord(metrics: metrics, environment: environment)
    let artifact = try writer.publish(section: section, run: record, checkBeforePublishing: check)
    console.note("wrote \(artifact.kind.rawValue) '\(output)' (\(artifact.digest.hex.prefix(12)))")
    printResult(of: artifact)
    return artifact
  }

  /// The record of this run so far.
  package func runRecord(metrics: [JSON], environment: JSONObject) -> RunRecord {
    var facts = RunEnvironment.host
    for (name, value) in environment.members { facts[name] = value }
    facts["processor_seconds"] = .number(RunEnvironment.processorSeconds)
    return RunRecord(
      stage: description.name, revision: description.revision,
      inputs: inputs.map { ($0.role, $0.artifact.digest) }, parameters: parameters.recorded,
      metrics: metrics, environment: facts, startedAt: startedAt)
  }

  /// Prints a result on standard output, if `--json` asks for it.
  package func printResult(_ result: JSON) {
    if printsJSON { Console.printResult(result.text()) }
  }

  private func printResult(of artifact: Artifact) {
    printResult([
      "stage": .string(description.name), "output": .string(output),
      "kind": .string(artifact.kind.rawValue), "digest": .string(artifact.digest.hex),
      "result": artifact.section.value,
    ])
  }
}
