import Checkpoint
package import Failures
import JSON
package import Tensor

/// AdamW's state for an adapter: two moments, flat like the parameters, and the steps taken.
package struct AdapterMoments: Sendable {
  /// The number of optimiser steps that went into the moments.
  package let step: Int
  /// `exp_avg`: (layout.count)
  package let average: Tensor
  /// `exp_avg_sq`: (layout.count)
  package let squaredAverage: Tensor

  package static let file = "optimizer.safetensors"

  private static let averageName = "exp_avg."
  private static let squaredAverageName = "exp_avg_sq."

  package init(step: Int, average: Tensor, squaredAverage: Tensor) {
    self.step = step
    self.average = average
    self.squaredAverage = squaredAverage
  }

  /// Before the first step: all zero.
  package init(layout: AdapterLayout) {
    self.init(step: 0, average: Tensor(layout.count), squaredAverage: Tensor(layout.count))
  }

  /// Reads a file that `write` wrote for the same layout.
  package init(path: String, layout: AdapterLayout) throws(Failure) {
    let file = try SafeTensors(path)
    guard let text = file.metadata["step"], let step = Int(text), step >= 0 else {
      throw Failure(.badData, "\(path): the metadata field 'step' is missing or no count")
    }
    let (average, squaredAverage) = (Tensor(layout.count), Tensor(layout.count))
    for entry in layout.entries {
      average.replace(
        from: entry.offset, with: try file.floats(Self.averageName + entry.peftName, shape: entry.shape))
      squaredAverage.replace(
        from: entry.offset, with: try file.floats(Self.squaredAverageName + entry.peftName, shape: entry.shape))
    }
    guard file.names.count == 2 * layout.entries.count else {
      throw Failure(
        .badData,
        "\(path): \(file.names.count) tensors, but the adapter has \(2 * layout.entries.count) moments")
    }
    self.init(step: step, average: average, squaredAverage: squaredAverage)
  }

  /// Writes the moments of each parameter under its PEFT name, as F32, and the step as metadata.
  package func write(to path: String, layout: AdapterLayout) throws(Failure) {
    let moments = [(Self.averageName, average), (Self.squaredAverageName, squaredAverage)]
    let tensors = moments.flatMap { prefix, flat in
      layout.entries.map {
        (name: prefix + $0.peftName, tensor: TensorSource.floats(layout.tensor($0, in: flat)))
      }
    }
    try SafeTensors.write(tensors, metadata: [("format", "pt"), ("step", "\(step)")], to: path)
  }
}
