import Checkpoint
import TestSupport
import Tensor
import Testing

/// What gguf's own quantization makes of the same rows (Tests/Fixtures/gguf/make_gguf_goldens.py).
@Test func q8BlocksAreThoseOfGGML() throws {
  let file = try SafeTensors(fixture("q8_0.safetensors", of: "gguf"))
  let golden = try file.tensor("bytes", dtype: .u8)
  let bytes = unsafe Array(UnsafeRawBufferPointer(start: golden.bytes, count: golden.byteCount))
  #expect(Q8Blocks.bytes(of: try file.tensor("weight").floats()) == bytes)
}

@Test(arguments: [Float.nan, .infinity, 127 * 65_520]) func valuesThatNoScaleReachesAreNotQuantized(value: Float) {
  let block = Tensor(Array(repeating: 1, count: 64), shape: [2, 32])
  block[40] = value
  #expect(Q8Blocks.bytes(of: block) == nil)
}
