/// How long the stages of a run will take, judged by how long they took before.
package struct RunEstimate: Sendable {
  /// Seconds by stage; a stage that never ran has none.
  private var seconds: [String: Double] = [:]
  private let stages: [(name: String, predecessors: [String])]
  /// Seconds from the beginning of a stage to the end of the pipeline, along the longest way.
  private var ways: [String: Double] = [:]

  package init(_ stages: [StageDeclaration], _ records: [ActionRecord]) {
    self.init(stages.map { ($0.name, $0.predecessors) }, Self.durations(records))
  }

  /// - Parameters:
  ///   - stages: in the pipeline's order.
  ///   - durations: seconds by stage.
  init(_ stages: [(name: String, predecessors: [String])], _ durations: [String: Double]) {
    self.stages = stages
    for stage in stages { seconds[stage.name] = durations[stage.name] }
    ways = ways { self.seconds[$0] ?? Self.unknown }
  }

  /// A stage of which nothing is known counts as one second, so that long chains go first all the same.
  private static let unknown = 1.0

  /// The latest duration of each stage; of a training, of all segments from its start to its end.
  private static func durations(_ records: [ActionRecord]) -> [String: Double] {
    var durations: [String: Double] = [:]
    for (name, own) in Dictionary(grouping: records, by: \.name) {
      guard let latest = own.max(by: { $0.startedAt < $1.startedAt }) else { continue }
      let chain = own.filter { record in
        record.preimage.step != nil && record.preimage.inputs == latest.preimage.inputs
          && record.preimage.parameters == latest.preimage.parameters
      }
      durations[name] = chain.isEmpty ? latest.seconds : chain.reduce(0) { $0 + $1.seconds }
    }
    return durations
  }

  /// How urgent a stage is: the seconds from its beginning to the end of the pipeline.
  func urgency(of stage: String) -> Double { ways[stage] ?? Self.unknown }

  private func ways(_ left: (String) -> Double) -> [String: Double] {
    var behind: [String: Double] = [:]
    var ways: [String: Double] = [:]
    for stage in stages.reversed() {
      let way = left(stage.name) + (behind[stage.name] ?? 0)
      ways[stage.name] = way
      for name in stage.predecessors { behind[name] = max(behind[name] ?? 0, way) }
    }
    return ways
  }

  /// The seconds to the end of the run.
  ///
  /// - Parameters:
  ///   - spent: seconds that stages have been at work in this run; infinite for those that are done.
  ///   - jobs: how many run at once.
  /// - Returns: the seconds, and how many of the stages that are left never ran before and count for nothing.
  package func left(spent: [String: Double], jobs: Int) -> (seconds: Double, unknown: Int) {
    func left(_ name: String) -> Double { max(0, (seconds[name] ?? 0) - (spent[name] ?? 0)) }
    let unknown = stages.filter { seconds[$0.name] == nil && spent[$0.name] != .infinity }.count
    let sum = stages.reduce(0) { $0 + left($1.name) }
    let longest = ways(left).values.max() ?? 0
    return (max(longest, sum / Double(max(jobs, 1))), unknown)
  }
}
