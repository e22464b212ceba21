package import Adapters
import Checkpoint
package import Tensor
import Testing

/// A model of some family or rope variant that transformers computed: `Tests/Fixtures/families/NAME`, written by
/// make_families.py.
package struct FamilyCase: GoldenCase {
  package static let collection = "families"
  package let name: String

  package init(_ name: String) { self.name = name }

  package static let all = [
    "gemma", "gemma2", "gemma2-head", "gemma3", "granite", "granite-saved", "llama-dynamic", "llama-linear", "llama-yarn", "olmo2", "phi3-longrope",
    "phi3-partial", "qwen2-head", "qwen2-window", "qwen3-yarn", "smollm3", "smollm3-window",
  ].map(FamilyCase.init)

  /// The folders of its adapters.
  package static let adapters = ["randlora", "lora"]

  /// Rows of several lengths.
  package func rows() throws -> [[Int32]] {
    let tensors = try tensors()
    var ids = try tensors.tensor("ids", dtype: .i64).integers.map { Int32($0) }[...]
    return try tensors.tensor("lengths", dtype: .i64).integers.map { length in
      defer { ids = ids.dropFirst(length) }
      return Array(ids.prefix(length))
    }
  }

  /// Logits of all tokens, (T, V).
  /// - Parameter name: "base", "randlora" or "lora".
  package func logits(_ name: String) throws -> Tensor { try tensors().tensor("logits.\(name)").floats() }

  package func gradient(_ entry: AdapterLayout.Entry, of adapter: String) throws -> Tensor {
    try tensors().tensor("grad.\(adapter).\(entry.peftName)", shape: entry.shape).floats()
  }
}
