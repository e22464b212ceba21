import Pipeline
import StageSupport

/// What a run has done and is doing, and how long it still takes.
struct RunProgress {
  private(set) var running: [(label: RunEvent.Label, startedAt: Double, progress: StageProgress?)] = []
  /// Seconds that stages were at work, by stage, without those that run now.
  private var spent: [String: Double] = [:]
  private var made = 0
  private var reused = 0

  mutating func note(_ event: RunEvent, at now: Double) {
    switch event {
    case .started(let label, _): running.append((label, now, nil))
    case .progress(let label, let progress):
      if let index = running.firstIndex(where: { $0.label == label }) { running[index].progress = progress }
    case .reused, .fetched: reused += 1
    case .finished(let label, _, let seconds):
      made += 1
      spent[label.stage, default: 0] += seconds
      running.removeAll { $0.label == label }
    case .interrupted(let label, _), .failed(let label, _, _, _), .compared(let label, _, _):
      running.removeAll { $0.label == label }
    default: break
    }
  }

  func startedAt(_ label: RunEvent.Label) -> Double? { running.first { $0.label == label }?.startedAt }

  /// "3 made, 12 up to date, about 4 min left": the last line on a terminal.
  ///
  /// - Parameter left: seconds to the end of the run by the seconds that each stage had, and how many of the
  ///   stages never ran before.
  func summary(at now: Double, left: ([String: Double]) -> (seconds: Double, unknown: Int)?) -> String {
    var line = "\(made) made, \(reused) up to date"
    var spent = spent
    for (label, startedAt, _) in running { spent[label.stage, default: 0] += now - startedAt }
    guard let (seconds, unknown) = left(spent) else { return line }
    // What a running stage says of itself is nearer to the truth than what it took before.
    let own = running.compactMap { $0.progress?.secondsLeft }.max() ?? 0
    let longest = max(seconds, own)
    if longest >= 1 { line += ", about \(NumberText.duration(seconds: longest)) left" }
    if unknown > 0 { line += ", \(unknown) \(unknown == 1 ? "stage" : "stages") for the first time" }
    return line
  }
}
