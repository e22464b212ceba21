import Checkpoint
import Failures
import FoundationEssentials
import JSON
import Tensor
import TestSupport
import Testing
import Transformer

/// Model directories with every field of their JSON taken out, of another type, negative, huge or senseless: each either
/// loads and computes, or is refused in one sentence.
@Suite struct HostileModelTests {
  /// A copy of a case's model, its weights in one file or in two shards, in which files can be replaced.
  private func copy(of golden: FamilyCase, sharded: Bool) throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    _ = try directory.write("config.json", try MappedFile(golden.path("model/config.json")).contents)
    let file = try SafeTensors(golden.path("model/model.safetensors"))
    let tensors = try file.names.map { (name: $0, tensor: TensorSource.stored(try file.tensor($0))) }
    guard sharded else {
      try SafeTensors.write(tensors, to: directory.path + "/model.safetensors")
      return directory
    }
    let shards = [tensors.prefix(5), tensors.dropFirst(5)]
    var map = JSONObject()
    for (number, shard) in shards.enumerated() {
      let name = "model-0000\(number + 1)-of-00002.safetensors"
      try SafeTensors.write(Array(shard), to: "\(directory.path)/\(name)")
      for tensor in shard { map[tensor.name] = .string(name) }
    }
    let index: JSON = ["metadata": ["total_size": 1], "weight_map": .object(map)]
    _ = try directory.write(WeightFiles.index, index.text())
    return directory
  }

  /// Loads a directory and runs the model on a row that is short enough for any limits that a mutation sets.
  private func use(_ directory: String, _ mutation: String) {
    do throws(Failure) {
      let model = try DecoderModel(
        ModelConfiguration(file: directory + "/config.json"), weights: WeightFiles(directory: directory))
      _ = model.logits(MicroBatch(rows: [([3, 4, 5], [false, true, true])]), adapter: nil)
    } catch {
      expectSentence(error, directory, mutation)
    }
  }

  private func expectSentence(_ error: Failure, _ directory: String, _ mutation: String) {
    #expect([.badData, .missingInput].contains(error.kind), "\(mutation): \(error.message)")
    #expect(!error.message.contains("\n"), "\(mutation): \(error.message)")
    #expect(error.message.contains(directory), "\(mutation): '\(error.message)' does not say where")
  }

  @Test(arguments: FamilyCase.all) func everyFieldOfConfigJSON(golden: FamilyCase) throws {
    let directory = try copy(of: golden, sharded: false)
    let source = directory.path + "/config.json"
    let original = try JSONDocument(try MappedFile(source).contents, source: source).root
    let mutations = JSONMutation.all(of: original)
    #expect(mutations.count > 300)
    for mutation in mutations {
      _ = try directory.write("config.json", mutation.value.text())
      use(directory.path, mutation.name)
    }
  }

  @Test func everyFieldOfTheShardIndex() throws {
    let directory = try copy(of: FamilyCase("qwen2-window"), sharded: true)
    use(directory.path, "nothing")
    let source = directory.path + "/" + WeightFiles.index
    for mutation in JSONMutation.all(of: try JSONDocument(try MappedFile(source).contents, source: source).root) {
      _ = try directory.write(WeightFiles.index, mutation.value.text())
      use(directory.path, mutation.name)
    }
  }

  @Test func everyFieldOfASafetensorsHeader() throws {
    let directory = try copy(of: FamilyCase("llama-linear"), sharded: false)
    let source = directory.path + "/model.safetensors"
    let bytes = try MappedFile(source).contents
    let length = bytes[..<8].enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    let header = try JSONDocument(Array(bytes[8..<8 + length]), source: source).root
    for mutation in JSONMutation.all(of: header) {
      let text = Array(mutation.value.text(indent: 0).utf8)
      let count = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
      _ = try directory.write("model.safetensors", count + text + bytes[(8 + length)...])
      use(directory.path, mutation.name)
    }
  }
}
