import Artifacts
import Failures
import Glibc
import JSON
import Testing

/// A writer that is killed leaves nothing that opens as an artifact, and the next one cleans up after it.
private func checkAftermath(_ scratch: Scratch) throws {
  let left = try scratch.names()
  #expect(left.count == 1)
  for name in left {
    #expect(name.hasPrefix(".out.tmp-"))
    #expect(failure { _ = try Artifact.open(scratch(name)) }?.kind == .missingInput)
  }
  #expect(failure { _ = try Artifact.open(scratch("out")) }?.kind == .missingInput)
  #expect(try scratch.checkpoint("out").kind == .checkpoint)
  #expect(try scratch.names() == ["out"])
}

@Test func killedWhileItWritesAFile() async throws {
  let scratch = try Scratch()
  await #expect(processExitsWith: .signal(SIGKILL)) { [path = scratch.path as String] in
    let writer = try ArtifactWriter(output: path + "/out", kind: .checkpoint, memo: DigestMemo(file: nil))
    try AtomicFile.write("half", to: try writer.path(for: "state/adapter.bin"))
    kill(getpid(), SIGKILL)
  }
  try checkAftermath(scratch)
}

@Test func killedWhileItPublishes() async throws {
  let scratch = try Scratch()
  await #expect(processExitsWith: .signal(SIGKILL)) { [path = scratch.path as String] in
    let writer = try ArtifactWriter(output: path + "/out", kind: .checkpoint, memo: DigestMemo(file: nil))
    try AtomicFile.write("whole", to: try writer.path(for: "state/adapter.bin"))
    _ = try writer.publish(section: Sample.checkpoint(step: 1), run: Sample.run) { _ in
      kill(getpid(), SIGKILL)
    }
  }
  try checkAftermath(scratch)
}

@Test func aFullDiskLeavesNothing() async throws {
  let scratch = try Scratch()
  await #expect(processExitsWith: .success) { [path = scratch.path as String] in
    signal(SIGXFSZ, SIG_IGN)
    // Fewer bytes than the manifest has.
    var limit = rlimit(rlim_cur: 600, rlim_max: 600)
    guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { exit(1) }
    do {
      let writer = try ArtifactWriter(output: path + "/out", kind: .checkpoint, memo: DigestMemo(file: nil))
      try AtomicFile.write("small", to: try writer.path(for: "state/adapter.bin"))
      _ = try writer.publish(section: Sample.checkpoint(step: 1), run: Sample.run)
    } catch let failure as Failure where failure.kind == .io && failure.message.contains("File too large") {
      return
    }
    exit(2)
  }
  #expect(try scratch.names() == [])
}
