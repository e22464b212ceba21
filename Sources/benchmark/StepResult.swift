import JSON
import StageSupport
import Training

/// One optimiser step.
struct TimedStep {
  let seconds: Double
  /// Of all threads together.
  let processorSeconds: Double
  /// OpenBLAS's rate around it: the machine's own changes from one second to the next.
  let sgemm: MultiplicationRate
}

/// What timing some optimiser steps gave.
struct StepResult {
  /// Of all timed steps together.
  let cost: StepCost
  let steps: [TimedStep]
  /// Seconds of each operation, of all timed steps together.
  let operations: [String: Double]
  /// Of all timed steps together.
  let tokens: Int
  /// What was expected to be held.
  let plan: MemoryPlan
  let peakPrivateBytes: Int
  let peakResidentBytes: Int

  private var total: Double { steps.map(\.seconds).reduce(0, +) }
  private var median: Double { steps.map(\.seconds).sorted()[steps.count / 2] }
  private var processorSeconds: Double { steps.map(\.processorSeconds).reduce(0, +) }
  /// Operations over the multiplications that the steps need, in billions.
  private var needed: Double { 2e-9 * cost.total }
  private var gigaflops: Double { needed / total }
  private var sgemmGigaflops: Double { gigaflops / share }
  /// Of what sgemm would have done in the same time.
  private var share: Double { needed / steps.map { $0.seconds * $0.sgemm.gigaflops }.reduce(0, +) }
  /// The same by processor time: what idle threads cost does not count, nor does other work on the machine.
  private var processorShare: Double {
    needed / steps.map { $0.processorSeconds * $0.sgemm.gigaflopsPerProcessor }.reduce(0, +)
  }

  /// The share of each operation in the time, largest first; what is outside of them is "rest".
  private var shares: [(name: String, share: Double)] {
    let rest = ("rest", total - operations.values.reduce(0, +))
    return (operations.map { ($0.key, $0.value) } + [rest]).map { ($0.0, $0.1 / total) }.sorted { $0.1 > $1.1 }
  }

  var json: JSONObject {
    [
      "seconds_per_step": .number(median), "tokens_per_second": .number(Double(tokens) / total),
      "gigaflops": .number(gigaflops), "sgemm_gigaflops": .number(sgemmGigaflops), "share_of_sgemm": .number(share),
      "processor_seconds_per_step": .number(processorSeconds / Double(steps.count)),
      "share_of_sgemm_by_processor_time": .number(processorShare),
      "peak_private_bytes": .integer(peakPrivateBytes), "peak_resident_bytes": .integer(peakResidentBytes),
      "plan": .object(plan.json),
      "planned_over_measured_private": .number(Double(plan.privateBytes) / Double(max(1, peakPrivateBytes))),
      "share_of_time": .object(
        shares.reduce(into: JSONObject()) { $0[$1.name] = .number($1.share) }),
      "multiplications": .object([
        "frozen_forward": .number(cost.frozenForward), "frozen_backward": .number(cost.frozenBackward),
        "attention": .number(cost.attention), "head": .number(cost.head), "update": .number(cost.update),
        "form": .number(cost.form),
      ]),
    ]
  }

  var table: TextTable {
    var table = TextTable(.text("measured"), .number(""))
    table.add("seconds a step", NumberText.short(median))
    table.add("tokens a second", NumberText.short(Double(tokens) / total))
    table.add("needed GFLOP/s", NumberText.fixed(gigaflops, decimals: 1))
    table.add("sgemm GFLOP/s", NumberText.fixed(sgemmGigaflops, decimals: 1))
    table.add("share of sgemm", "\(NumberText.fixed(100 * share, decimals: 1)) %")
    table.add("processor seconds a step", NumberText.short(processorSeconds / Double(steps.count)))
    table.add("share of sgemm by processor time", "\(NumberText.fixed(100 * processorShare, decimals: 1)) %")
    table.add("peak private memory", NumberText.bytes(peakPrivateBytes))
    table.add("planned private memory", NumberText.bytes(plan.privateBytes))
    table.add("peak resident memory", NumberText.bytes(peakResidentBytes))
    for (name, share) in shares where share >= 0.005 {
      table.add("  " + name, "\(NumberText.fixed(100 * share, decimals: 1)) %")
    }
    return table
  }
}
