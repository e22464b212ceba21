package import Artifacts
import Failures
import JSON

/// The loss of a training over its steps, from the run records of all the segments that led to its last state.
package struct LossCurve: Sendable {
  package let name: String
  package let points: [(step: Int, loss: Double)]

  /// - Parameter digest: the last state. Segments that are gone from the store leave a gap.
  package init(_ name: String, of digest: Digest, in store: Store) {
    self.name = name
    var points: [Int: Double] = [:]
    var seen: Set<Digest> = []
    var next: Digest? = digest
    while let digest = next, seen.insert(digest).inserted,
      let record = (try? store.object(digest, verify: .sizes))?.runRecord
    {
      for metric in record["metrics"]?.arrayValue ?? [] {
        guard let step = metric["step"]?.integerValue, let loss = metric["loss"]?.doubleValue, loss.isFinite
        else { continue }
        points[step] = points[step] ?? loss
      }
      next = record["inputs"]?["checkpoint"]?.stringValue.flatMap { Digest(hex: $0) }
    }
    self.points = points.sorted { $0.key < $1.key }.map { (step: $0.key, loss: $0.value) }
  }
}
