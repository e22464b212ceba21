import CKernels

/// The elements of a matrix, one after another, in blocks of 4-bit codes with a scale each; left in its file.
package struct FourBitBlocks: Sendable {
  package let type: FourBitType
  /// Elements that share a scale.
  package let blockSize: Int
  /// The number of elements; the last block may be short.
  package let count: Int
  /// Two codes a byte, the first in the high nibble.
  package let codes: StoredTensor
  package let scales: Scales

  /// The largest absolute value of each block, (blocks).
  package enum Scales: Sendable {
    case plain(StoredTensor)
    case nested(NestedScales)
  }

  /// Block sizes that bitsandbytes has.
  package static let blockSizes = [32, 64, 128, 256, 512, 1024, 2048, 4096]

  /// Bytes that hold so many codes.
  package static func byteCount(of count: Int) -> Int { (count + 1) / 2 }

  package static func blocks(of count: Int, size: Int) -> Int { (count + size - 1) / size }

  /// - Precondition: the tensors are as long as `count` and the block sizes ask for; the reader of a file has checked.
  package init(type: FourBitType, blockSize: Int, count: Int, codes: StoredTensor, scales: Scales) {
    let blocks = Self.blocks(of: count, size: blockSize)
    precondition(Self.blockSizes.contains(blockSize) && codes.byteCount == Self.byteCount(of: count))
    switch scales {
    case .plain(let absmax): precondition(absmax.dtype == .f32 && absmax.count == blocks)
    case .nested(let nested): precondition(nested.codes.count == blocks)
    }
    self.type = type
    self.blockSize = blockSize
    self.count = count
    self.codes = codes
    self.scales = scales
  }

  /// Writes some elements as float32.
  /// - Parameter level: which of the processor's instructions look values up; the bits are the same for all.
  func widen(
    _ tile: ElementTile, into destination: UnsafeMutablePointer<Float>, level: Int32 = PanelProduct.bestLevel
  ) {
    tile.check(count: count)
    unsafe withBlocks { blocks in
      unsafe rl_dequantize_4bit(level, blocks, tile.offset, tile.rows, tile.columns, tile.stride, destination)
    }
  }

  /// Calls `body` with the blocks as the kernels take them.
  func withBlocks(_ body: (UnsafePointer<rl_blocks>) -> Void) {
    let pairs = type.tables.pairs
    var blocks = unsafe rl_blocks(
      codes: codes.bytes.assumingMemoryBound(to: UInt8.self), pairs: pairs.pointer, block: blockSize, absmax: nil,
      absmax_codes: nil, nested_code: nil, nested_absmax: nil, nested_offset: 0)
    switch scales {
    case .plain(let absmax): unsafe blocks.absmax = unsafe absmax.bytes.assumingMemoryBound(to: Float.self)
    case .nested(let nested): unsafe nested.fill(&blocks)
    }
    unsafe body(&blocks)
  }
}

/// Scales of blocks that are quantized themselves (double quantization): a scale is `values[code] · absmax + offset`.
package struct NestedScales: Sendable {
  /// Scales that share an absmax.
  package static let blockSize = Int(RL_NESTED_BLOCK)

  /// One byte a block.
  package let codes: StoredTensor
  /// One a block of scales.
  package let absmax: StoredTensor
  /// The value of each code, (256).
  package let values: Tensor
  package let offset: Float

  package init(codes: StoredTensor, absmax: StoredTensor, values: Tensor, offset: Float) {
    precondition(
      codes.dtype == .u8 && absmax.dtype == .f32 && values.count == 256
        && absmax.count == FourBitBlocks.blocks(of: codes.count, size: Self.blockSize))
    self.codes = codes
    self.absmax = absmax
    self.values = values
    self.offset = offset
  }

  fileprivate func fill(_ blocks: inout rl_blocks) {
    unsafe blocks.absmax_codes = unsafe codes.bytes.assumingMemoryBound(to: UInt8.self)
    unsafe blocks.nested_code = unsafe UnsafePointer(values.pointer)
    unsafe blocks.nested_absmax = unsafe absmax.bytes.assumingMemoryBound(to: Float.self)
    unsafe blocks.nested_offset = offset
  }
}
