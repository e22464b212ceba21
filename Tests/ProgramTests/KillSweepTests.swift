import Foundation
import TestSupport
import Testing

@Test func `a kill at any call of the runner or a script costs nothing but the work in hand`() throws {
  let pipeline = try ShellPipeline()
  try KillSweep(
    pipeline.sandbox, ["run", "pipeline.yaml", "--quiet"], environment: pipeline.environment,
    products: ["out"]
  ).run(points: 24)
}

@Test func `a kill at any call of a real stage costs nothing but the work in hand`() throws {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  try sandbox.write(
    """
    stages:
      base: {stage: import-base, with: {base-model: model}}
      start: {stage: init-adapter, base: base, with: {rank: 2, target-modules: [q_proj]}, export: out/start}

    """, to: "pipeline.yaml")
  try KillSweep(sandbox, ["run", "pipeline.yaml", "--quiet"], products: ["out"]).run(points: 16)
}
