import Adapters
import Checkpoint
import Failures
import FoundationEssentials
import Tensor
import TestSupport
import Testing

private let cases = randloraCases + ["lora", "lora-wide"]

/// A copy of a fixture's adapter with its tensors changed.
private func directory(
  _ adapter: String, _ change: (String, StoredTensor) -> [(name: String, tensor: TensorSource)]
) throws -> TemporaryDirectory {
  let directory = try TemporaryDirectory()
  let source = fixture(adapter)
  _ = try directory.write("adapter_config.json", try MappedFile(source + "/adapter_config.json").contents)
  let file = try SafeTensors(source + "/adapter_model.safetensors")
  let tensors = file.names.flatMap { name in file[name].map { change(name, $0) } ?? [] }
  try SafeTensors.write(tensors, to: directory.path + "/adapter_model.safetensors")
  return directory
}

private func message(
  _ adapter: String, _ location: SourceLocation = #_sourceLocation,
  _ change: (String, StoredTensor) -> [(name: String, tensor: TensorSource)]
) throws -> String {
  let directory = try directory(adapter, change)
  let model = try modules(String(adapter.prefix { $0 != "/" }))
  return failure({ _ = try Adapter(directory: directory.path, modules: model) }, sourceLocation: location)
    .message
}

private func bits(_ tensor: Tensor?) -> [UInt32] { tensor?.array.map(\.bitPattern) ?? [] }

private let layer = "base_model.model.model.layers.0.self_attn.k_proj."

@Test(arguments: cases) func loadsWhatPEFTWrote(name: String) throws {
  let model = try modules(name)
  #expect(try Adapter(directory: fixture("\(name)/adapter_init"), modules: model).basesOrigin != .stored)
  let trained = try Adapter(directory: fixture("\(name)/adapter_trained"), modules: model)
  let file = try SafeTensors(fixture("\(name)/adapter_trained/adapter_model.safetensors"))
  for entry in trained.layout.entries {
    #expect(entry.range.map { trained.parameters[$0] } == file[entry.peftName]?.floats().array)
  }
  guard name.hasPrefix("randlora") else { return }
  #expect(trained.basesOrigin == .generated)
  let compact = try Adapter(directory: fixture("\(name)/adapter_trained_compact"), modules: model)
  #expect(compact.basesOrigin == .generated)
  #expect(bits(compact.parameters) == bits(trained.parameters))
  #expect(
    bits(compact.bases?.a) == bits(trained.bases?.a) && bits(compact.bases?.b) == bits(trained.bases?.b))
}

@Test(arguments: cases, [true, false]) func readsBackEveryBitItWrites(name: String, saveProjection: Bool)
  throws
{
  let model = try modules(name)
  let adapter = try Adapter(directory: fixture("\(name)/adapter_trained"), modules: model)
  let directory = try TemporaryDirectory()
  try adapter.write(baseModel: nil, revision: nil, saveProjection: saveProjection) {
    "\(directory.path)/\($0)"
  }
  let again = try Adapter(directory: directory.path, modules: model)
  #expect(again.configuration == adapter.configuration && again.basesOrigin == adapter.basesOrigin)
  #expect(bits(again.parameters) == bits(adapter.parameters))
  #expect(bits(again.bases?.a) == bits(adapter.bases?.a) && bits(again.bases?.b) == bits(adapter.bases?.b))
  let file = try SafeTensors(directory.path + "/adapter_model.safetensors")
  let bases =
    saveProjection && name.hasPrefix("randlora") ? ["base_model.randlora_A", "base_model.randlora_B"] : []
  #expect(file.names == adapter.layout.entries.map(\.peftName) + bases)
  #expect(file.metadata == ["format": "pt"])
  let isSparse = name.contains("sparse")
  for basis in bases { #expect(file[basis]?.dtype == (isSparse ? .f32 : .bf16)) }
}

@Test func readsBasesThatLieUnderOneLayerOnly() throws {
  let directory = try directory("randlora-dense/adapter_trained") { name, tensor in
    let isBasis = name.hasSuffix("randlora_A") || name.hasSuffix("randlora_B")
    return isBasis && !name.hasPrefix(layer) ? [] : [(name, .stored(tensor))]
  }
  let model = try modules("randlora-dense")
  #expect(try Adapter(directory: directory.path, modules: model).basesOrigin == .generated)
}

@Test func keepsBasesThatTheGeneratorDoesNotDraw() throws {
  let directory = try directory("randlora-dense/adapter_trained") { name, tensor in
    let floats = tensor.floats()
    if name.hasSuffix("randlora_B") { floats[3] = 0.125 }
    return [(name, .floats(floats))]
  }
  let model = try modules("randlora-dense")
  let adapter = try Adapter(directory: directory.path, modules: model)
  #expect(adapter.basesOrigin == .stored && adapter.bases?.b[3] == 0.125)
  let copy = try TemporaryDirectory()
  try adapter.write(baseModel: nil, revision: nil, saveProjection: true) { "\(copy.path)/\($0)" }
  let again = try Adapter(directory: copy.path, modules: model)
  #expect(again.basesOrigin == .stored && bits(again.bases?.b) == bits(adapter.bases?.b))
}

@Test func refusesStoredBasesThatPEFTWouldIgnore() throws {
  let directory = try directory("randlora-dense/adapter_trained") { name, tensor in
    let floats = tensor.floats()
    if name.hasSuffix("randlora_A") { floats[0] = 1 }
    return [(name, .floats(floats))]
  }
  let path = fixture("randlora-dense/adapter_trained_compact/adapter_config.json")
  _ = try directory.write("adapter_config.json", try MappedFile(path).contents)
  let error = failure { _ = try Adapter(directory: directory.path, modules: try modules("randlora-dense")) }
  #expect(error.message.contains("/save_projection: the bases in adapter_model.safetensors are not those"))
}

@Test func refusesTensorsThatDoNotFitByName() throws {
  let trained = "randlora-dense/adapter_trained"
  #expect(
    try message(trained) { $0 == layer + "randlora_gamma" ? [] : [($0, .stored($1))] }
      .contains("the tensor '\(layer)randlora_gamma' is missing"))
  #expect(
    try message(trained) { [($0, $0 == layer + "randlora_lambda" ? .floats(Tensor(3, 3)) : .stored($1))] }
      .contains("'\(layer)randlora_lambda' has shape [3, 3], expected [4, 4]"))
  #expect(
    try message(trained) { [($0, .stored($1))] + ($0.hasPrefix(layer) ? [("extra." + $0, .stored($1))] : []) }
      .contains("belongs to no adapted module"))
  #expect(
    try message(trained) { name, tensor in
      let floats = tensor.floats()
      if name == layer + "randlora_gamma" { floats[5] = .nan }
      return [(name, .floats(floats))]
    }.contains("'\(layer)randlora_gamma' is not finite at element 5"))
  #expect(
    try message(trained) { name, tensor in
      let floats = tensor.floats()
      if name == layer + "randlora_B" { floats[5] = 7 }
      return [(name, .floats(floats))]
    }.contains("'base_model.randlora_B' and '\(layer)randlora_B' should be equal and are not"))
  #expect(
    try message(trained) { $0.hasSuffix("randlora_A") ? [] : [($0, .stored($1))] }
      .contains("randlora_A is missing, but the other basis is stored"))
  #expect(
    try message("lora/adapter_trained") { $0 == layer + "lora_B.weight" ? [] : [($0, .stored($1))] }
      .contains("the tensor '\(layer)lora_B.weight' is missing"))
}

@Test func halfPrecisionAdaptersLoad() throws {
  for dtype in [DType.f16, .bf16] {
    let directory = try directory("lora/adapter_trained") { [($0, .floats($1.floats(), as: dtype))] }
    #expect(try Adapter(directory: directory.path, modules: try modules("lora")).parameters.isFinite)
  }
}

@Test func saysThatAnAdapterDoesNotFitTheModel() throws {
  let two = try modules("randlora-wide").map {
    LinearModule(name: $0.name + "x", outFeatures: $0.outFeatures, inFeatures: $0.inFeatures)
  }
  let error = failure { _ = try Adapter(directory: fixture("randlora-wide/adapter_init"), modules: two) }
  #expect(
    error.kind == .badData
      && error.message.contains("the adapter does not fit the model: no linear layer is called"))
}

@Test func momentsReadBack() throws {
  let adapter = try Adapter(directory: fixture("lora/adapter_trained"), modules: try modules("lora"))
  let count = adapter.layout.count
  let moments = AdapterMoments(
    step: 17, average: Tensor((0..<count).map { Float($0) }, shape: [count]),
    squaredAverage: Tensor((0..<count).map { 1 / Float($0 + 1) }, shape: [count]))
  let directory = try TemporaryDirectory()
  let path = "\(directory.path)/\(AdapterMoments.file)"
  try moments.write(to: path, layout: adapter.layout)
  let again = try AdapterMoments(path: path, layout: adapter.layout)
  #expect(again.step == 17 && bits(again.average) == bits(moments.average))
  #expect(bits(again.squaredAverage) == bits(moments.squaredAverage))
  #expect(try SafeTensors(path).names.first == "exp_avg.\(layer)lora_A.weight")
}

@Test func refusesMomentsOfAnotherAdapter() throws {
  let one = try Adapter(directory: fixture("lora/adapter_trained"), modules: try modules("lora")).layout
  let other = try Adapter(directory: fixture("randlora-dense/adapter_trained"), modules: try modules("lora"))
    .layout
  let half = try AdapterLayout(
    configuration(file: fixture("lora/adapter_trained/adapter_config.json")), modules: [one.modules[0]])
  let directory = try TemporaryDirectory()
  let path = "\(directory.path)/\(AdapterMoments.file)"
  try AdapterMoments(layout: one).write(to: path, layout: one)
  #expect(
    failure { _ = try AdapterMoments(path: path, layout: other) }.message.contains(
      "randlora_lambda' is missing"))
  #expect(
    failure { _ = try AdapterMoments(path: path, layout: half) }.message.contains(
      "16 tensors, but the adapter has 4"))
  try SafeTensors.write([], to: path)
  #expect(failure { _ = try AdapterMoments(path: path, layout: one) }.message.contains("'step' is missing"))
}

@Test func aDamagedAdapterNeverTraps() throws {
  for name in [
    "lora/adapter_trained", "randlora-dense/adapter_trained", "randlora-sparse/adapter_trained_compact",
  ] {
    let model = try modules(String(name.prefix { $0 != "/" }))
    let directory = try TemporaryDirectory()
    let files = ["adapter_config.json", "adapter_model.safetensors"]
    let originals = try files.map { try MappedFile(fixture("\(name)/\($0)")).contents }
    var generator = SeededGenerator(state: 4)
    for round in 0..<150 {
      for (index, (file, bytes)) in zip(files, originals).enumerated() {
        let isHit = round % 2 == index
        let header = isHit ? mutated(Array(bytes.prefix(700)), using: &generator) : Array(bytes.prefix(700))
        _ = try directory.write(file, header + bytes.dropFirst(700))
      }
      do throws(Failure) {
        _ = try Adapter(directory: directory.path, modules: model)
      } catch {
        #expect(error.kind == .badData)
      }
    }
  }
}
