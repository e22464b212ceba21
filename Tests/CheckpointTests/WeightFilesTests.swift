import Checkpoint
import Failures
import Tensor
import TestSupport
import Testing

private func shard(_ directory: TemporaryDirectory, _ name: String, _ tensors: [String]) throws {
  try SafeTensors.write(
    tensors.map { ($0, .floats(Tensor([1, 2], shape: [2]))) }, to: "\(directory.path)/\(name)")
}

private func index(_ directory: TemporaryDirectory, _ map: String) throws {
  _ = try directory.write(WeightFiles.index, #"{"metadata":{"total_size":16},"weight_map":\#(map)}"#)
}

@Test func everyFixtureModelHasTheTensorsOfItsConfiguration() throws {
  for name in ["lora", "lora-wide", "randlora-ragged-rank", "randlora-sparse", "randlora-very-sparse"] {
    let configuration = try ModelConfiguration(file: fixture("\(name)/model/config.json"))
    let weights = try WeightFiles(directory: fixture("\(name)/model"))
    try weights.check(against: configuration)
    #expect(weights.descriptions.reduce(0) { $0 + ($1.byteCount ?? 0) } == configuration.parameterCount * 4)
  }
}

@Test func readsShardsAsOneModel() throws {
  let directory = try TemporaryDirectory()
  try shard(directory, "one.safetensors", ["a", "b"])
  try shard(directory, "two.safetensors", ["c"])
  try index(directory, #"{"a":"one.safetensors","c":"two.safetensors","b":"one.safetensors"}"#)
  #expect(
    try WeightFiles.names(in: directory.path) == [WeightFiles.index, "one.safetensors", "two.safetensors"])
  let weights = try WeightFiles(directory: directory.path)
  #expect(weights.descriptions.map(\.name) == ["a", "b", "c"])
  #expect(try weights.weight("c", shape: [2]).floats().array == [1, 2])
}

@Test func refusesAnIndexThatDoesNotMatchItsShards() throws {
  let directory = try TemporaryDirectory()
  try shard(directory, "one.safetensors", ["a", "b"])
  try shard(directory, "two.safetensors", ["c"])
  func message(_ map: String) throws -> String {
    try index(directory, map)
    return failure { _ = try WeightFiles(directory: directory.path) }.message
  }
  let both = #""a":"one.safetensors","b":"one.safetensors""#
  #expect(
    try message("{\(both),\"x\":\"two.safetensors\"}").contains("'x' is not in its shard 'two.safetensors'"))
  #expect(try message("{\(both)}".replacing("\"b\"", with: "\"a2\"")).contains("'a2' is not in its shard"))
  #expect(
    try message(#"{"a":"one.safetensors"}"#).contains("'b' of shard 'one.safetensors' is not indexed there"))
  #expect(try message(#"{"a":"../one.safetensors"}"#).contains("not the name of a safetensors file beside"))
  #expect(try message(#"{"a":"model.bin"}"#).contains("'model.bin' is not the name of a safetensors file"))
  #expect(try message(#"{"a":3}"#).contains("/weight_map/a: expected a string"))
  #expect(try message("{}").contains("names no tensors"))
  #expect(try message(#"{"a":"none.safetensors"}"#).contains("cannot open"))
}

@Test func saysWhatAModelLacksOrHasTooMuch() throws {
  let configuration = try ModelConfiguration(file: fixture("randlora-dense/model/config.json"))
  let original = try SafeTensors(fixture("randlora-dense/model/model.safetensors"))
  let directory = try TemporaryDirectory()
  func message(_ change: (String, StoredTensor) -> [(name: String, tensor: TensorSource)]) throws -> String {
    let tensors = original.names.flatMap { name in original[name].map { change(name, $0) } ?? [] }
    try SafeTensors.write(tensors, to: "\(directory.path)/model.safetensors")
    let weights = try WeightFiles(directory: directory.path)
    return failure { try weights.check(against: configuration) }.message
  }
  let norm = "model.norm.weight"
  #expect(try message { $0 == norm ? [] : [($0, .stored($1))] }.contains("'\(norm)' is missing"))
  let wide = Tensor(49)
  #expect(
    try message { [($0, $0 == norm ? .floats(wide) : .stored($1))] }.contains("shape [49], expected [48]"))
  #expect(
    try message { [($0, .stored($1))] + ($0 == norm ? [("model.extra", .stored($1))] : []) }
      .contains("'model.extra' belongs to no part of the model"))
}

@Test func aDirectoryWithoutWeightsSaysWhatIsMissing() throws {
  let directory = try TemporaryDirectory()
  let error = failure { _ = try WeightFiles.names(in: directory.path) }
  #expect(error.kind == .missingInput)
  #expect(error.message.contains("neither model.safetensors nor model.safetensors.index.json"))
  #expect(failure { _ = try WeightFiles(directory: directory.path) }.kind == .missingInput)
}
