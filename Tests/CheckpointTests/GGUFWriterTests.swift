import Checkpoint
import TestSupport
import Tensor
import Testing

/// `Tests/Fixtures/gguf/values.gguf` was written by the gguf package (make_gguf_goldens.py).
@Test func writesTheBytesThatTheReferenceWrites() throws {
  let weight = try SafeTensors(fixture("q8_0.safetensors", of: "gguf")).tensor("weight").floats()
  let rows = Tensor(Array(weight.array.prefix(3 * 64)), shape: [3, 64])
  let directory = try TemporaryDirectory()
  let types: [GGUFTensorType] = [.f16, .bf16, .q8_0]
  let writer = try GGUFWriter(
    directory.path + "/values.gguf",
    metadata: [
      ("general.architecture", .string("test")), ("test.count", .uint32(4096)), ("test.scale", .float32(0.1)),
      ("test.yes", .bool(true)), ("test.text", .string("é→\n")), ("test.integers", .int32s([1, -2, 3])),
      ("test.floats", .float32s([0.5, -1])), ("test.texts", .strings([Array("a b".utf8), Array("ß".utf8)])),
    ],
    tensors: [GGUFTensor(name: "one", type: .f32, shape: [5])]
      + types.map { GGUFTensor(name: $0.rawValue, type: $0, shape: [3, 64]) })
  try writer.append(Tensor(Array(weight.array.prefix(5)), shape: [5]).bytes(as: .f32))
  for type in types {
    let bytes = try #require(type.bytes(of: rows))
    try writer.append(Array(bytes.prefix(7)))  // in pieces
    try writer.append(Array(bytes.dropFirst(7)))
  }
  writer.finish()
  let golden = try MappedFile(fixture("values.gguf", of: "gguf")).contents
  #expect(try MappedFile(directory.path + "/values.gguf").contents == golden)
}

@Test func valuesThatAreNotFiniteInATypeAreNotWrittenInIt() {
  let large = Tensor([1, 70_000], shape: [1, 2])
  #expect(GGUFTensorType.f16.bytes(of: large) == nil)
  #expect(GGUFTensorType.bf16.bytes(of: large) != nil && GGUFTensorType.f32.bytes(of: large) != nil)
  let largest = Tensor([.greatestFiniteMagnitude], shape: [1, 1])
  #expect(GGUFTensorType.bf16.bytes(of: largest) == nil && GGUFTensorType.f32.bytes(of: largest) != nil)
  #expect(GGUFTensorType.f32.bytes(of: Tensor([-.infinity], shape: [1, 1])) == nil)
}
