package import Adapters
package import Checkpoint
package import Tensor
import Testing

/// A model of some family or rope variant that transformers computed: `Tests/Fixtures/families/NAME`, written by
/// make_families.py.
package struct FamilyCase: CustomTestStringConvertible, Sendable {
  package let name: String
  package var testDescription: String { name }

  package init(_ name: String) { self.name = name }

  package static let all = [
    "gemma2", "gemma2-head", "gemma3", "granite", "granite-saved", "llama-dynamic", "llama-linear", "llama-yarn", "olmo2", "phi3-longrope",
    "phi3-partial", "qwen2-head", "qwen2-window", "qwen3-yarn", "smollm3", "smollm3-window",
  ].map(FamilyCase.init)

  /// The folders of its adapters.
  package static let adapters = ["randlora", "lora"]

  package func path(_ file: String) -> String { fixture("\(name)/\(file)", of: "families") }

  package func configuration() throws -> ModelConfiguration {
    try ModelConfiguration(file: path("model/config.json"))
  }

  package func adapter(_ folder: String) throws -> Adapter {
    let model = try configuration()
    return try Adapter(directory: path(folder), modules: model.adaptableModules, tensors: model.trainableTensors)
  }

  package func tensors() throws -> SafeTensors { try SafeTensors(path("tensors.safetensors")) }

  /// Rows of several lengths.
  package func rows() throws -> [[Int32]] {
    let tensors = try tensors()
    func integers(_ name: String) throws -> [Int] {
      let tensor = try tensors.tensor(name, dtype: .i64)
      let values = unsafe UnsafeBufferPointer(
        start: tensor.bytes.assumingMemoryBound(to: Int64.self), count: tensor.count)
      return values.indices.map { unsafe Int(values[$0]) }
    }
    var ids = try integers("ids").map { Int32($0) }[...]
    return try integers("lengths").map { length in
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
