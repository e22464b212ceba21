import CKernels

/// How weights are quantized: the choices that bitsandbytes has.
package struct QuantizationScheme: Sendable, Equatable {
  package enum Codes: Sendable, Equatable {
    /// `isNested`: whether the scales of blocks are quantized too (double quantization).
    case fourBit(FourBitType, blockSize: Int, isNested: Bool)
    /// 8-bit rows (LLM.int8).
    case int8
  }

  package let codes: Codes
  /// What the values are rounded to after dequantization.
  package let dtype: DType

  package init(codes: Codes, dtype: DType) {
    self.codes = codes
    self.dtype = dtype
  }

  /// Quantizes a matrix, bit for bit as bitsandbytes does on a CPU.
  /// - Parameter matrix: (out, in), finite. For int8 it is rounded to float16 in place first, as `Linear8bitLt` has it.
  package func quantize(_ matrix: Tensor) -> QuantizedMatrix {
    switch codes {
    case .fourBit(let type, let blockSize, let isNested):
      let blocks = FourBitBlocks(matrix, type: type, blockSize: blockSize, isNested: isNested)
      return QuantizedMatrix(shape: matrix.shape, codes: .fourBit(blocks), dtype: dtype)
    case .int8:
      return QuantizedMatrix(shape: matrix.shape, codes: Self.rows(matrix), dtype: dtype)
    }
  }

  private static func rows(_ matrix: Tensor) -> QuantizedMatrix.Codes {
    let (rows, columns) = (matrix.shape[0], matrix.shape[1])
    let codes = Buffer<Int8>(matrix.count), absmax = Buffer<Float>(rows)
    Parallel.forEach(rows) { row in
      unsafe rl_round_f16(columns, matrix.pointer + row * columns)
      unsafe absmax.start[row] = unsafe rl_quantize_8bit(
        columns, matrix.pointer + row * columns, codes.start + row * columns)
    }
    return .rows(
      codes.stored(.i8, shape: matrix.shape), absmax: absmax.stored(.f32, shape: [rows]))
  }
}

extension FourBitBlocks {
  /// Blocks that one thread quantizes at a time.
  private static let share = 1024

  fileprivate init(_ matrix: Tensor, type: FourBitType, blockSize: Int, isNested: Bool) {
    let count = matrix.count, blocks = Self.blocks(of: count, size: blockSize), tables = type.tables
    let codes = Buffer<UInt8>(Self.byteCount(of: count)), absmax = Buffer<Float>(blocks)
    Parallel.forEachRange(of: blocks, by: Self.share) { range in
      let start = range.lowerBound * blockSize
      unsafe rl_quantize_4bit(
        min(count, range.upperBound * blockSize) - start, blockSize, tables.bounds, tables.order,
        matrix.pointer + start, codes.start + start / 2, absmax.start + range.lowerBound)
    }
    self.init(
      type: type, blockSize: blockSize, count: count, codes: codes.stored(.u8, shape: [codes.count, 1]),
      scales: isNested ? .nested(NestedScales(absmax)) : .plain(absmax.stored(.f32, shape: [blocks])))
  }
}

extension NestedScales {
  /// Quantizes scales, which are overwritten by their distances from the mean.
  fileprivate init(_ scales: Buffer<Float>) {
    let count = scales.count
    let codes = Buffer<UInt8>(count), absmax = Buffer<Float>(FourBitBlocks.blocks(of: count, size: Self.blockSize))
    let mean = unsafe rl_sum_as_torch(count, scales.start) / Float(count)
    for index in 0..<count { unsafe scales.start[index] -= mean }
    unsafe rl_quantize_scales(
      count, Self.blockSize, DynamicMap.nearest, scales.start, codes.start, absmax.start)
    self.init(
      codes: codes.stored(.u8, shape: [count]), absmax: absmax.stored(.f32, shape: [absmax.count]),
      values: Tensor(DynamicMap.values, shape: [256]), offset: mean)
  }
}

/// Memory that is filled once and then read as a stored tensor.
@safe private final class Buffer<Value: BitwiseCopyable & Sendable>: @unchecked Sendable {
  let start: UnsafeMutablePointer<Value>
  let count: Int

  init(_ count: Int) {
    self.count = count
    unsafe start = UnsafeMutablePointer<Value>.allocate(capacity: max(1, count))
  }

  deinit { unsafe start.deallocate() }

  func stored(_ dtype: DType, shape: [Int]) -> StoredTensor {
    precondition(MemoryLayout<Value>.stride == dtype.size && shape.reduce(1, *) == count)
    return unsafe StoredTensor(dtype: dtype, shape: shape, bytes: UnsafeRawPointer(start), owner: self)
  }
}
