import Failures
import FoundationEssentials

/// A pipeline of trivial stages: a chain, and leaves that read each of its links. Every stage reads the first line of a
/// file of its own and the first word of what the link before made, with nothing but the shell's own commands.
struct RunnerWorkload {
  let directory: String
  let chain: Int
  let leaves: Int

  private struct Stage {
    let name: String
    let previous: String?
  }

  private var stages: [Stage] {
    (0..<chain).flatMap { link in
      [Stage(name: "c\(link)", previous: link == 0 ? nil : "c\(link - 1)")]
        + (0..<leaves).map { Stage(name: "c\(link)l\($0)", previous: "c\(link)") }
    }
  }

  var count: Int { chain * (1 + leaves) }

  /// Writes the sources and what each tool needs to know.
  func write() throws {
    for name in ["src", "ninja", "make", "dvc", "bare"] {
      try FileManager.default.createDirectory(atPath: "\(directory)/\(name)", withIntermediateDirectories: true)
    }
    for stage in stages { try save("\(stage.name)\nnothing reads this\n", "src/\(stage.name)") }
    try save("stages:\n" + stages.map(pipeline).joined(), "pipeline.yaml")
    try save("rule sh\n  command = $cmd\n" + stages.map(ninja).joined(), "build.ninja")
    let targets = stages.map { "make/\($0.name)" }.joined(separator: " ")
    try save("all: \(targets)\n" + stages.map(make).joined(), "Makefile")
    try save(stages.map { "sh -c '\(command($0, in: "bare"))'\n" }.joined(), "bare.sh")
  }

  /// Changes the line that nobody reads.
  func change(_ stage: String, to text: String) throws { try save("\(stage)\n\(text)\n", "src/\(stage)") }

  private func save(_ text: String, _ name: String) throws {
    try Data(text.utf8).write(to: URL(filePath: "\(directory)/\(name)"))
  }

  private func command(_ stage: Stage, in out: String) -> String {
    let rest = stage.previous.map { "; read before rest < \(out)/\($0)" } ?? ""
    return "read line < src/\(stage.name)\(rest); echo $line $before > \(out)/\(stage.name)"
  }

  /// With the dollar signs that ninja and make want.
  private func escaped(_ stage: Stage, in out: String) -> String {
    command(stage, in: out).split(separator: "$", omittingEmptySubsequences: false).joined(separator: "$$")
  }

  private func pipeline(_ stage: Stage) -> String {
    let rest = stage.previous == nil ? "" : "; read before rest < $previous/out"
    let input = stage.previous.map { "previous: \($0), " } ?? ""
    return "  \(stage.name): {command: \"read line < src/\(stage.name)\(rest); echo $line $before > $output/out\", "
      + "\(input)inputs: src/\(stage.name), outputs: out}\n"
  }

  private func ninja(_ stage: Stage) -> String {
    let rest = stage.previous.map { " ninja/\($0)" } ?? ""
    return "build ninja/\(stage.name): sh src/\(stage.name)\(rest)\n  cmd = \(escaped(stage, in: "ninja"))\n"
  }

  private func make(_ stage: Stage) -> String {
    let rest = stage.previous.map { " make/\($0)" } ?? ""
    return "make/\(stage.name): src/\(stage.name)\(rest)\n\t\(escaped(stage, in: "make"))\n"
  }

  /// What DVC needs; its cost grows with the number of stages, so it gets a small workload.
  func writeDVC(_ dvc: String) throws {
    let entries = stages.map { stage in
      "  \(stage.name):\n    cmd: \(command(stage, in: "dvc"))\n    deps: [src/\(stage.name)"
        + (stage.previous.map { ", dvc/\($0)" } ?? "") + "]\n    outs: [dvc/\(stage.name)]\n"
    }
    try save("stages:\n" + entries.joined(), "dvc.yaml")
    _ = try MeasuredCommand("\(dvc) init -q --no-scm && \(dvc) config core.analytics false", in: directory)
  }
}
