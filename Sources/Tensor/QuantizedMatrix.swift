import CKernels

/// A frozen matrix (out, in) that bitsandbytes quantized, left in its file.
package struct QuantizedMatrix: Sendable {
  package enum Codes: Sendable {
    case fourBit(FourBitBlocks)
    /// 8-bit codes (out, in) and the largest absolute value of each row, (out): LLM.int8.
    case rows(StoredTensor, absmax: StoredTensor)
  }

  package let shape: [Int]
  package let codes: Codes
  /// What the values are rounded to after dequantization; they are multiplied in float32 all the same.
  package let dtype: DType

  /// - Parameters:
  ///   - shape: two dimensions.
  ///   - dtype: a type that weights may have.
  package init(shape: [Int], codes: Codes, dtype: DType) {
    precondition(shape.count == 2 && dtype.isWeight)
    switch codes {
    case .fourBit(let blocks): precondition(blocks.count == shape[0] * shape[1])
    case .rows(let rows, let absmax):
      precondition(rows.dtype == .i8 && rows.shape == shape && absmax.dtype == .f32 && absmax.count == shape[0])
    }
    self.shape = shape
    self.codes = codes
    self.dtype = dtype
  }

  /// How it was quantized.
  package var scheme: QuantizationScheme {
    guard case .fourBit(let blocks) = codes else { return QuantizationScheme(codes: .int8, dtype: dtype) }
    var isNested = false
    if case .nested = blocks.scales { isNested = true }
    return QuantizationScheme(
      codes: .fourBit(blocks.type, blockSize: blocks.blockSize, isNested: isNested), dtype: dtype)
  }

  /// Bytes of codes and scales.
  package var byteCount: Int {
    switch codes {
    case .rows(let rows, let absmax): rows.byteCount + absmax.byteCount
    case .fourBit(let blocks):
      switch blocks.scales {
      case .plain(let absmax): blocks.codes.byteCount + absmax.byteCount
      case .nested(let nested): blocks.codes.byteCount + nested.codes.byteCount + nested.absmax.byteCount
      }
    }
  }

  /// Whether every scale, and so every value, is finite.
  package var isFinite: Bool {
    switch codes {
    case .rows(_, let absmax): absmax.isFinite(0..<absmax.count)
    case .fourBit(let blocks):
      switch blocks.scales {
      case .plain(let absmax): absmax.isFinite(0..<absmax.count)
      case .nested(let nested):
        nested.absmax.isFinite(0..<nested.absmax.count) && nested.values.isFinite && nested.offset.isFinite
      }
    }
  }

  /// Writes some elements as float32.
  func widen(_ tile: ElementTile, into destination: UnsafeMutablePointer<Float>) {
    tile.check(count: shape[0] * shape[1])
    switch codes {
    case .fourBit(let blocks): unsafe blocks.widen(tile, into: destination)
    case .rows(let rows, let absmax):
      for row in 0..<tile.rows {
        unsafe widen(rows, absmax, tile.start(ofRow: row), tile.columns, into: destination + row * tile.columns)
      }
    }
    switch dtype {
    case .bf16: unsafe rl_round_bf16(tile.count, destination)
    case .f16: unsafe rl_round_f16(tile.count, destination)
    default: break
    }
  }

  /// Whether so few rows are multiplied with the codes where they lie.
  func readsCodesInPlace(rows: Int) -> Bool {
    guard rows > 0, rows <= rl_matmul_few_codes_rows(PanelProduct.bestLevel) else { return false }
    switch codes {
    case .fourBit(let blocks): return shape[1] % blocks.blockSize == 0
    case .rows: return shape[1] % 32 == 0
    }
  }

  /// Multiplies all rows of a product, which are few, with some rows of this matrix.
  func multiplyFew(_ product: PanelProduct, _ outputs: Range<Int>) {
    precondition(readsCodesInPlace(rows: product.rows) && product.inner == shape[1] && outputs.upperBound <= shape[0])
    switch codes {
    case .fourBit(let blocks): unsafe blocks.withBlocks { unsafe multiplyFew(product, outputs, $0, bits: 4) }
    case .rows(let rows, let absmax):
      var blocks = unsafe rl_blocks(
        codes: rows.bytes.assumingMemoryBound(to: UInt8.self), pairs: nil, block: shape[1],
        absmax: absmax.bytes.assumingMemoryBound(to: Float.self), absmax_codes: nil, nested_code: nil, nested_absmax: nil,
        nested_offset: 0)
      unsafe multiplyFew(product, outputs, &blocks, bits: 8)
    }
  }

  private func multiplyFew(_ product: PanelProduct, _ outputs: Range<Int>, _ blocks: UnsafePointer<rl_blocks>, bits: Int32) {
    let rounding = dtype == .bf16 ? RL_TO_BF16 : dtype == .f16 ? RL_TO_F16 : RL_TO_F32
    unsafe rl_matmul_few_codes(
      bits, product.rows, outputs.lowerBound, outputs.count, product.inner, MatMul.depth, product.alpha,
      product.left.address(0, 0), product.left.stride, blocks, rounding, product.adding ? 1 : 0, product.result.stride,
      product.result.address(0, outputs.lowerBound))
  }

  private func widen(
    _ rows: StoredTensor, _ absmax: StoredTensor, _ offset: Int, _ count: Int,
    into destination: UnsafeMutablePointer<Float>
  ) {
    let width = shape[1]
    let codes = unsafe rows.bytes.assumingMemoryBound(to: Int8.self)
    let scales = unsafe absmax.bytes.assumingMemoryBound(to: Float.self)
    var position = offset
    while position < offset + count {
      let row = position / width
      let end = min((row + 1) * width, offset + count)
      unsafe rl_dequantize_8bit(
        end - position, scales[row], codes + position, destination + (position - offset))
      position = end
    }
  }
}
