import Checkpoint
import Tensor
import TestSupport
import Testing

@Test func splitsAModelIntoShardsThatReadBackAsOne() throws {
  let directory = try TemporaryDirectory()
  let names = ["b", "a", "large", "c"]
  let tensors = names.map { Tensor([Float]($0.utf8.map(Float.init)), shape: [$0.utf8.count]) }
  let descriptions = zip(names, tensors).map { TensorDescription(name: $0, dtype: .f32, shape: $1.shape) }
  let writer = ShardedWriter(tensors: descriptions, maximumShardBytes: 8) { "\(directory.path)/\($0)" }
  for tensor in tensors { try writer.append(tensor) }
  try writer.finish()
  #expect(writer.files == (1...3).map { "model-0000\($0)-of-00003.safetensors" })
  let index = String(
    decoding: try MappedFile("\(directory.path)/\(WeightFiles.index)").contents, as: UTF8.self)
  #expect(
    index == """
      {
        "metadata": {
          "total_size": 32
        },
        "weight_map": {
          "a": "model-00001-of-00003.safetensors",
          "b": "model-00001-of-00003.safetensors",
          "c": "model-00003-of-00003.safetensors",
          "large": "model-00002-of-00003.safetensors"
        }
      }

      """)
  let weights = try WeightFiles(directory: directory.path)
  #expect(weights.descriptions.map(\.name) == ["b", "a", "c", "large"])
  #expect(try weights.weight("large", shape: [5]).floats().array == tensors[2].array)
}

@Test func aModelThatFitsOneFileHasNoIndex() throws {
  let directory = try TemporaryDirectory()
  let description = TensorDescription(name: "a", dtype: .bf16, shape: [2])
  let writer = ShardedWriter(tensors: [description], maximumShardBytes: 1) { "\(directory.path)/\($0)" }
  try writer.append(Tensor([1, 2], shape: [2]))
  try writer.finish()
  #expect(try WeightFiles.names(in: directory.path) == [WeightFiles.singleFile])
}
