import Checkpoint
import Failures
import FoundationEssentials
import Tensor
import TestSupport
import Testing

@testable import Adapters

private let base = FamilyCase("granite-saved")

private func adapter(
  bias: TrainedBiases = .none, saved: [String] = [], targets: [String] = ["k_proj"]
) throws -> Adapter {
  let model = try base.configuration()
  let configuration = try AdapterConfiguration(
    method: .lora, rank: 2, alpha: 4, dropout: 0, targetModules: .names(targets), bias: bias, modulesToSave: saved)
  return try Adapter(
    configuration: configuration, modules: model.adaptableModules, tensors: model.trainableTensors,
    weights: WeightFiles(directory: base.path("model")), seed: 1)
}

private func names(bias: TrainedBiases = .none, saved: [String] = []) throws -> [String] {
  try adapter(bias: bias, saved: saved).layout.trainedEntries.map(\.peftName)
}

private func message(saved: [String], _ location: SourceLocation = #_sourceLocation) -> String {
  failure({ _ = try adapter(saved: saved) }, sourceLocation: location).message
}

@Test func biasesAreNamedAsPEFTNamesThem() throws {
  let layer = "base_model.model.model.layers.0."
  #expect(try names(bias: .adapted).first == layer + "self_attn.k_proj.base_layer.bias")
  let all = try names(bias: .all)
  #expect(all.count == 14 && all.contains(layer + "self_attn.k_proj.base_layer.bias"))
  #expect(all.contains(layer + "self_attn.q_proj.bias") && all.contains(layer + "mlp.down_proj.bias"))
}

@Test func anEntryOfModulesToSaveMeansEveryModuleWhoseNameEndsWithIt() throws {
  #expect(try names(saved: ["model.norm", "lm_head"]).map { $0.dropFirst("base_model.model.".count) } == [
    "model.norm.weight", "lm_head.weight",
  ])
  #expect(try names(saved: ["norm"]).count == 5)
  #expect(try names(saved: ["layers.1.mlp"]).count == 6)
  #expect(message(saved: ["head_lm"]).contains("no module's name ends with 'head_lm'"))
  #expect(message(saved: ["self_attn"]).contains("'self_attn' means model.layers.0.self_attn.k_proj too"))
  #expect(message(saved: [""]).contains("an empty name is no module's"))
}

@Test func tensorsToTrainStartAsTheBaseHasThem() throws {
  let adapter = try adapter(bias: .adapted, saved: ["lm_head"])
  let weights = try WeightFiles(directory: base.path("model"))
  for name in ["lm_head.weight", "model.layers.1.self_attn.k_proj.bias"] {
    #expect(adapter.trainedValue(of: name)?.array == weights[name]?.floats().array)
  }
  #expect(adapter.trainedValue(of: "model.norm.weight") == nil)
  let tied = FamilyCase("qwen2-head"), model = try tied.configuration()
  let files = try WeightFiles(directory: tied.path("model"))
  let head = try Adapter(
    configuration: AdapterConfiguration(
      method: .lora, rank: 2, alpha: 4, dropout: 0, targetModules: .names(["q_proj"]), modulesToSave: ["lm_head"]),
    modules: model.adaptableModules, tensors: model.trainableTensors, weights: files, seed: 1)
  #expect(head.trainedValue(of: "lm_head.weight")?.array == files["model.embed_tokens.weight"]?.floats().array)
}

@Test(arguments: ["gemma2-head", "granite-saved", "qwen2-head"], FamilyCase.adapters)
func whatIsTrainedInFullIsReadAndWrittenUnderPEFTsNames(name: String, kind: String) throws {
  let golden = FamilyCase(name), model = try golden.configuration(), adapter = try golden.adapter(kind)
  let theirs = try SafeTensors(golden.path("\(kind)/adapter_model.safetensors"))
  let directory = try TemporaryDirectory()
  try adapter.write(baseModel: nil, revision: nil, saveProjection: false) { "\(directory.path)/\($0)" }
  let ours = try SafeTensors(directory.path + "/adapter_model.safetensors")
  let frozen = "base_model.model.lm_head.base_layer.weight"  // which PEFT copies
  #expect(Set(ours.names) == Set(theirs.names.filter { $0 != frozen }))
  let again = try Adapter(directory: directory.path, modules: model.adaptableModules, tensors: model.trainableTensors)
  #expect(again.configuration == adapter.configuration && again.parameters.array == adapter.parameters.array)
}

/// PEFT puts the embeddings beside an adapter once they were resized, or with `save_embedding_layers`.
@Test func copiedEmbeddingsMustBeTheBases() throws {
  let golden = FamilyCase("qwen2-window"), model = try golden.configuration()
  let weights = try WeightFiles(directory: golden.path("model")), name = "base_model.model.model.embed_tokens.weight"
  let embedding = try #require(weights["model.embed_tokens.weight"])
  func check(_ copy: Tensor) throws {
    let directory = try TemporaryDirectory(), file = try SafeTensors(golden.path("lora/adapter_model.safetensors"))
    var tensors: [(name: String, tensor: TensorSource)] = try file.names.map { ($0, .stored(try #require(file[$0]))) }
    tensors.append((name, .floats(copy)))
    try SafeTensors.write(tensors, to: directory.path + "/adapter_model.safetensors")
    let configuration = try MappedFile(golden.path("lora/adapter_config.json")).contents
    _ = try directory.write("adapter_config.json", configuration)
    let adapter = try Adapter(directory: directory.path, modules: model.adaptableModules, tensors: model.trainableTensors)
    try adapter.checkFrozenCopies(directory: directory.path, against: weights)
  }
  let copy = embedding.floats(), rows = embedding.shape[0]
  try check(copy)
  copy[3] += 1
  #expect(failure { try check(copy) }.message.hasSuffix("the tensor '\(name)' is not the weight that the base has"))
  #expect(
    failure { try check(Tensor(rows + 8, embedding.shape[1])) }.message.hasSuffix(
      "the tensor '\(name)' has \(rows + 8) rows, where the base has a vocabulary of \(rows)"))
}

@Test func aCopiedHeadOfAnotherBaseIsRefused() throws {
  let golden = FamilyCase("qwen2-head"), adapter = try golden.adapter("lora")
  try adapter.checkFrozenCopies(directory: golden.path("lora"), against: WeightFiles(directory: golden.path("model")))
  let other = try WeightFiles(directory: FamilyCase("qwen2-window").path("model"))
  let error = failure { try adapter.checkFrozenCopies(directory: golden.path("lora"), against: other) }
  #expect(error.message.contains("'base_model.model.lm_head.base_layer.weight' "))
}
