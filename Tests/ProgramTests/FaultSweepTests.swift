import Foundation
import TestSupport
import Testing

private func shellSweep(_ fault: FaultSweep.Fault, points: Int) throws {
  let pipeline = try ShellPipeline()
  try FaultSweep(
    pipeline.sandbox, ["run", "pipeline.yaml", "--quiet"], environment: pipeline.environment, products: ["out"]
  ).run(fault, points: points)
}

private func stageSweep(_ fault: FaultSweep.Fault, points: Int) throws {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  try sandbox.write(
    """
    stages:
      base: {stage: import-base, with: {base-model: model}}
      start: {stage: init-adapter, base: base, with: {rank: 2, target-modules: [q_proj]}, export: out/start}

    """, to: "pipeline.yaml")
  try FaultSweep(sandbox, ["run", "pipeline.yaml", "--quiet"], products: ["out"]).run(fault, points: points)
}

@Test func `a kill at any call of the runner or a script costs nothing but the work in hand`() throws {
  try shellSweep(.kill, points: 24)
}

@Test func `a kill at any call of a real stage costs nothing but the work in hand`() throws {
  try stageSweep(.kill, points: 16)
}

@Test func `a kill of the runner and its stages at once costs nothing but the work in hand`() throws {
  try shellSweep(.killAll, points: 12)
  try stageSweep(.killAll, points: 8)
}

@Test func `a power cut costs nothing but the work in hand`() throws {
  try shellSweep(.powerCut, points: 12)
  try stageSweep(.powerCut, points: 8)
}

// A script fails as its tools do, with 1 or 2.
@Test(arguments: [EIO, ENOSPC, EMFILE])
func `a call that fails is told, and costs nothing but the run`(error: Int32) throws {
  try shellSweep(.error(error, exitCodes: [1, 2, 74]), points: 12)
  try stageSweep(.error(error, exitCodes: [74]), points: 8)
}
