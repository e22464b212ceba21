extension RunEvent {
  /// What it is about.
  package var label: Label {
    switch self {
    case .reused(let label, _), .fetched(let label, _), .pushed(let label, _, _),
      .wouldRun(let label, _), .waiting(let label, _), .started(let label, _),
      .progress(let label, _), .retrying(let label, _, _, _), .finished(let label, _, _),
      .interrupted(let label, _), .failed(let label, _, _, _), .skipped(let label, _), .exported(let label, _),
      .wouldExport(let label, _),
      .compared(let label, _, _), .warned(let label, _):
      label
    }
  }
}

extension [RunEvent] {
  /// Sorted by the pipeline's order of stages and by step: events come in the order in which stages were ready.
  package func inOrder(of pipeline: PipelineFile) -> [RunEvent] {
    var ranks: [String: Int] = [:]
    for (index, stage) in pipeline.stages.enumerated() {
      ranks[stage.name] = 2 * index
      ranks[stage.name + ".evaluate"] = 2 * index + 1
    }
    let keyed = enumerated().map { offset, event in
      (rank: ranks[event.label.stage] ?? .max, step: event.label.step ?? 0, offset: offset, event: event)
    }
    return keyed.sorted { ($0.rank, $0.step, $0.offset) < ($1.rank, $1.step, $1.offset) }.map(\.event)
  }
}
