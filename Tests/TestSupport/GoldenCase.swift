package import Adapters
package import Checkpoint
package import Tensor
package import Testing

/// A case that another library computed, in a folder of its own: a model, adapters, and tensors to compare with.
package protocol GoldenCase: CustomTestStringConvertible, Sendable {
  var name: String { get }
  /// The folder under `Tests/Fixtures` that holds cases of this kind.
  static var collection: String { get }
}

extension GoldenCase {
  package var testDescription: String { name }

  package func path(_ file: String) -> String { fixture("\(name)/\(file)", of: Self.collection) }

  package func configuration() throws -> ModelConfiguration {
    try ModelConfiguration(file: path("model/config.json"))
  }

  /// The adapter in a folder of the case.
  package func adapter(_ folder: String) throws -> Adapter {
    let model = try configuration()
    return try Adapter(directory: path(folder), modules: model.adaptableModules, tensors: model.trainableTensors)
  }

  package func tensors() throws -> SafeTensors { try SafeTensors(path("tensors.safetensors")) }
}

extension StoredTensor {
  /// The values of a tensor of 64-bit integers.
  package var integers: [Int] {
    let values = unsafe UnsafeBufferPointer(start: bytes.assumingMemoryBound(to: Int64.self), count: count)
    return values.indices.map { unsafe Int(values[$0]) }
  }
}
