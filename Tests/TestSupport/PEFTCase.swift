package import Adapters
import Checkpoint
package import Datasets
package import JSON
package import Tensor
import Testing

/// A case that PEFT computed: `Tests/Fixtures/adapters/NAME`, written by make_goldens.py.
package struct PEFTCase: GoldenCase {
  package static let collection = "adapters"
  package let name: String

  package init(_ name: String) { self.name = name }

  package static let all = [
    "lora", "lora-fp4", "lora-int8", "lora-wide", "randlora-accumulate", "randlora-dense", "randlora-gemma2", "randlora-nf4",
    "randlora-phi3", "randlora-qwen3",
    "randlora-ragged-rank", "randlora-rank-over-dim", "randlora-some-layers", "randlora-sparse",
    "randlora-very-sparse", "randlora-wide",
  ].map(PEFTCase.init)

  /// case.json: what was configured, and what came of it.
  package func facts() throws -> JSONCursor {
    let path = path("case.json")
    return try JSONDocument(MappedFile(path).contents, source: path).cursor
  }

  /// All rows in the order of training, their padding left out.
  package func rows() throws -> [TokenRow] {
    let tensors = try tensors()
    let ids = try integers("input_ids", of: tensors), labels = try integers("labels", of: tensors)
    return zip(zip(ids, labels), try integers("attention_mask", of: tensors)).map { row, mask in
      let kept = mask.indices.filter { mask[$0] == 1 }
      return TokenRow(
        ids: kept.map { Int32(row.0[$0]) }, supervised: kept.map { $0 > 0 && row.1[$0] != -100 })
    }
  }

  /// The rows of one micro-batch.
  package func rows(ofBatch index: Int) throws -> [TokenRow] {
    let size = try facts().field("optimiser").field("batch").integer()
    return Array(try rows()[index * size..<(index + 1) * size])
  }

  /// Logits of the first micro-batch, where attention_mask is 1, as one (T, V) tensor.
  /// - Parameter name: "logits.base", "logits.trained" or "logits.merged".
  package func logits(_ name: String) throws -> Tensor {
    let tensors = try tensors()
    let all = try tensors.tensor(name, dtype: .f32).floats()
    let V = all.shape[2], values = all.array
    var kept: [Float] = []
    for (row, mask) in try integers("attention_mask", of: tensors).prefix(all.shape[0]).enumerated() {
      for column in mask.indices where mask[column] == 1 {
        let start = (row * mask.count + column) * V
        kept += values[start..<start + V]
      }
    }
    return Tensor(kept, shape: [kept.count / V, V])
  }

  /// What PEFT's gradient of a parameter at the third step is called.
  package static func gradientName(_ entry: AdapterLayout.Entry) -> String {
    let name = entry.peftName
    return "grad.step2."
      + (name.hasSuffix(".weight") ? name.dropLast(".weight".count) + ".default.weight" : name + ".default")
  }

  /// A (steps, rows, T) tensor of integers as rows.
  private func integers(_ name: String, of tensors: SafeTensors) throws -> [[Int]] {
    let tensor = try tensors.tensor(name, dtype: .i64)
    let values = tensor.integers, columns = tensor.shape[2]
    return stride(from: 0, to: tensor.count, by: columns).map { Array(values[$0..<$0 + columns]) }
  }
}

/// The largest difference between two tensors, over the largest value of the second.
package func difference(_ a: Tensor, _ b: Tensor) -> Float {
  precondition(a.count == b.count, "\(a.shape) against \(b.shape)")
  let scale = b.array.map(abs).max() ?? 1
  return (zip(a.array, b.array).map { abs($0 - $1) }.max() ?? 0) / max(scale, 1e-20)
}
