import Adapters
import Checkpoint
import Failures
import JSON
import Tensor
import Testing
import Transformer

/// A case that PEFT computed (Tests/Fixtures/adapters, written by make_goldens.py).
struct Golden: CustomTestStringConvertible {
  let name: String
  var testDescription: String { name }

  static let all = [
    "lora", "lora-wide", "randlora-accumulate", "randlora-dense", "randlora-ragged-rank", "randlora-rank-over-dim",
    "randlora-some-layers", "randlora-sparse", "randlora-very-sparse", "randlora-wide",
  ].map(Golden.init)

  var directory: String {
    let here = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    return "/\(here)/Fixtures/adapters/\(name)"
  }

  func tensors() throws -> SafeTensors { try SafeTensors(directory + "/tensors.safetensors") }

  func model() throws -> DecoderModel {
    let configuration = try ModelConfiguration(file: directory + "/model/config.json")
    return try DecoderModel(configuration, weights: WeightFiles(directory: directory + "/model"))
  }

  /// One micro-batch of the case, its padding left out.
  /// - Parameter index: 0 ..< 12 times the accumulation.
  func batch(_ index: Int) throws -> MicroBatch {
    let tensors = try tensors()
    let ids = try integers("input_ids", of: tensors, at: index), labels = try integers("labels", of: tensors, at: index)
    let mask = try integers("attention_mask", of: tensors, at: index)
    return MicroBatch(
      rows: zip(zip(ids, labels), mask).map { row, mask in
        let length = mask.count { $0 == 1 }
        return (ids: row.0.prefix(length).map { Int32($0) }, supervised: row.1.prefix(length).map { $0 != -100 })
      })
  }

  /// The (batch, T) integers of one micro-batch.
  private func integers(_ name: String, of tensors: SafeTensors, at index: Int) throws -> [[Int]] {
    let tensor = try tensors.tensor(name, dtype: .i64)
    let (rows, columns) = (tensor.shape[1], tensor.shape[2])
    let values = unsafe UnsafeBufferPointer(start: tensor.bytes.assumingMemoryBound(to: Int64.self), count: tensor.count)
    return (0..<rows).map { row in
      (0..<columns).map { unsafe Int(values[(index * rows + row) * columns + $0]) }
    }
  }

  /// Logits of the first micro-batch that PEFT computed, where attention_mask is 1, as one (T, V) tensor.
  func logits(_ name: String) throws -> Tensor {
    let tensors = try tensors()
    let all = try tensors.tensor(name, dtype: .f32).floats()
    let (columns, V) = (all.shape[1], all.shape[2])
    let mask = try integers("attention_mask", of: tensors, at: 0)
    let values = all.array
    var kept: [Float] = []
    for (row, mask) in mask.enumerated() {
      for column in 0..<columns where mask[column] == 1 {
        let start = (row * columns + column) * V
        kept += values[start..<start + V]
      }
    }
    return Tensor(kept, shape: [kept.count / V, V])
  }
}

/// The largest difference between two tensors, over the largest value of the second.
func difference(_ a: Tensor, _ b: Tensor) -> Float {
  precondition(a.count == b.count, "\(a.shape) against \(b.shape)")
  let scale = b.array.map(abs).max() ?? 1
  return (zip(a.array, b.array).map { abs($0 - $1) }.max() ?? 0) / max(scale, 1e-20)
}
