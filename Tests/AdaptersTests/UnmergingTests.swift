import Adapters
import Checkpoint
import Tensor
import Testing

@Test(arguments: [DType.f32, .f16, .bf16]) func unmergingExplainsRoundingAndNothingElse(dtype: DType) throws {
  let original = Tensor((0..<64).map { Float($0 - 20) * 0.37 }, shape: [8, 8])
  let delta = Tensor((0..<64).map { Float(($0 * 29) % 64 - 31) * 0.011 }, shape: [8, 8])
  func merged(_ values: [Float]) -> StoredTensor {
    let sum = Tensor(values, shape: [8, 8])
    if dtype == .f32 { return StoredTensor(sum.array, dtype: dtype, shape: sum.shape) }
    let halves = unsafe sum.bytes(as: dtype).withUnsafeBytes { unsafe Array($0.bindMemory(to: UInt16.self)) }
    return StoredTensor(halves, dtype: dtype, shape: sum.shape)
  }
  var values = zip(original.array, delta.array).map { $0 + $1 }
  let (largest, excess) = Unmerging.compare(merged(values), minus: delta, with: original)
  #expect(excess == nil && largest < (dtype == .f32 ? 1e-5 : 0.1) && (dtype == .f32 || largest > 0))
  for wrong in [values[40] + 0.2, .nan, .infinity] {
    values[40] = wrong
    #expect(Unmerging.compare(merged(values), minus: delta, with: original).excess == 40)
  }
}
