import Artifacts
import Failures
import Glibc
import JSON

/// The directory that a shell command fills, on its way to becoming an artifact.
struct CommandOutput {
  /// `$output`.
  let directory: String
  private let outputs: [String]

  /// Makes the empty directory inside an action's private one.
  init(in work: String, outputs: [String]) throws(Failure) {
    directory = work + "/files"
    self.outputs = outputs
    try Files.makeDirectories(directory)
    // A declared output in a directory of its own can be written to at once.
    for output in outputs where output.contains("/") {
      try Files.makeDirectories(Files.parent(of: directory + "/" + output))
    }
  }

  /// Makes an artifact of the files, if they are those that were declared.
  ///
  /// - Throws: `Failure.badData` naming a file that is missing, or one that nobody declared.
  func seal(as output: String, _ preimage: ActionPreimage, memo: DigestMemo) throws(Failure) {
    let files = try filesMade()
    for declared in outputs where !files.contains(where: { Self.covers(declared, $0) }) {
      let isEmpty = Files.isDirectory(directory + "/" + declared)
      throw Failure(
        .badData, "the command ended with success but did not make '\(declared)' in $output"
          + (isEmpty ? ": the directory has no files" : ""))
    }
    for file in files where !outputs.contains(where: { Self.covers($0, file) }) {
      throw Failure(
        .badData, "the command made '\(file)', which is not among its outputs",
        hint: "declare it under 'outputs', or write it elsewhere ($TMPDIR)")
    }
    var executables: [JSON] = []
    for file in files where try isExecutable(file) { executables.append(.string(file)) }
    let writer = try ArtifactWriter(output: output, kind: .directory, memo: memo)
    for file in files { try Files.rename(directory + "/" + file, to: try writer.path(for: file)) }
    let record = RunRecord(
      stage: preimage.stage, revision: preimage.revision,
      inputs: preimage.inputs.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
      parameters: preimage.parameters)
    _ = try writer.publish(
      section: executables.isEmpty ? [:] : ["executable": .array(executables)], run: record)
  }

  private func filesMade() throws(Failure) -> [String] {
    do throws(Failure) {
      return try Files.tree(directory)
    } catch {
      throw Failure(
        error.kind, "the command made what no artifact holds: " + error.message.replacing(directory + "/", with: "$output/"),
        hint: "write files; copy what a link leads to")
    }
  }

  private func isExecutable(_ file: String) throws(Failure) -> Bool {
    guard case .file(let identity) = try FileStatus(directory + "/" + file) else { return false }
    return identity.isExecutable
  }

  /// Whether a declared output is the file, or a directory above it.
  private static func covers(_ declared: String, _ file: String) -> Bool {
    file == declared || file.hasPrefix(declared + "/")
  }
}
