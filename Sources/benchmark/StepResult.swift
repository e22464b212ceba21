import JSON
import StageSupport
import Training

/// What timing some optimiser steps gave.
struct StepResult {
  /// Of all timed steps together.
  let cost: StepCost
  /// Each timed step's.
  let seconds: [Double]
  /// Seconds of each operation, of all timed steps together.
  let operations: [String: Double]
  /// Of all threads and timed steps together.
  let processorSeconds: Double
  /// Of all timed steps together.
  let tokens: Int
  let sgemm: MultiplicationRate
  /// What was expected to be held.
  let plan: MemoryPlan
  let peakPrivateBytes: Int
  let peakResidentBytes: Int

  private var total: Double { seconds.reduce(0, +) }
  private var median: Double { seconds.sorted()[seconds.count / 2] }
  /// Operations a second over the multiplications that the step needs, in billions.
  private var gigaflops: Double { 2e-9 * cost.total / total }
  private var share: Double { gigaflops / sgemm.gigaflops }
  /// The same by processor time: what idle threads cost does not count, nor does other work on the machine.
  private var processorShare: Double { 2e-9 * cost.total / processorSeconds / sgemm.gigaflopsPerProcessor }

  /// The share of each operation in the time, largest first; what is outside of them is "rest".
  private var shares: [(name: String, share: Double)] {
    let rest = ("rest", total - operations.values.reduce(0, +))
    return (operations.map { ($0.key, $0.value) } + [rest]).map { ($0.0, $0.1 / total) }.sorted { $0.1 > $1.1 }
  }

  var json: JSONObject {
    [
      "seconds_per_step": .number(median), "tokens_per_second": .number(Double(tokens) / total),
      "gigaflops": .number(gigaflops), "sgemm_gigaflops": .number(sgemm.gigaflops), "share_of_sgemm": .number(share),
      "processor_seconds_per_step": .number(processorSeconds / Double(seconds.count)),
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
    table.add("sgemm GFLOP/s", NumberText.fixed(sgemm.gigaflops, decimals: 1))
    table.add("share of sgemm", "\(NumberText.fixed(100 * share, decimals: 1)) %")
    table.add("processor seconds a step", NumberText.short(processorSeconds / Double(seconds.count)))
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
