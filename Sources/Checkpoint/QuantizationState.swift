import Failures
import JSON
import Tensor

/// What bitsandbytes keeps of a 4-bit weight besides tensors: `…quant_state.bitsandbytes__nf4`, JSON as bytes.
struct QuantizationState {
  /// `blocksize`
  let blockSize: Int
  /// `dtype`: what dequantized values are rounded to.
  let dtype: DType
  /// `nested_offset`; nil when the scales are not quantized.
  let nestedOffset: Float?
  private let root: JSONCursor

  init(_ bytes: StoredTensor, source: String) throws(Failure) {
    let text = unsafe Array(UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.byteCount))
    root = try JSONDocument(text, source: source).cursor
    let size = try root.field("blocksize")
    blockSize = try size.integer()
    guard FourBitBlocks.blockSizes.contains(blockSize) else { throw size.failure("no block has \(blockSize) elements") }
    let type = try root.field("dtype")
    guard let dtype = DType(transformersName: try type.string()) else {
      throw type.failure("'\(try type.string())' is no type of weights", hint: "known: float32, float16, bfloat16")
    }
    self.dtype = dtype
    nestedOffset = try root.optional("nested_offset").map { (offset) throws(Failure) in Float(try offset.double()) }
    if let nested = try root.optional("nested_blocksize"), try nested.integer() != NestedScales.blockSize {
      throw nested.failure("only \(NestedScales.blockSize) is supported, found \(try nested.integer())")
    }
  }

  func check(type: FourBitType, shape: [Int]) throws(Failure) {
    let name = try root.field("quant_type"), dimensions = try root.field("shape")
    guard try name.string() == type.rawValue else {
      throw name.failure("expected '\(type.rawValue)', found '\(try name.string())'")
    }
    var found: [Int] = []
    for dimension in try dimensions.elements() { found.append(try dimension.integer()) }
    guard found == shape else { throw dimensions.failure("expected \(shape), found \(found)") }
  }

  /// The state's bytes, filled up with spaces to a length that does not depend on the values.
  static func bytes(of matrix: QuantizedMatrix, _ blocks: FourBitBlocks) -> [UInt8] {
    var offset: Float?
    if case .nested(let nested) = blocks.scales { offset = nested.offset }
    let text = text(type: blocks.type, blockSize: blocks.blockSize, dtype: matrix.dtype, shape: matrix.shape, offset: offset)
    let length = length(type: blocks.type, blockSize: blocks.blockSize, dtype: matrix.dtype, shape: matrix.shape, isNested: offset != nil)
    return text + Array(repeating: UInt8(ascii: " "), count: length - text.count)
  }

  static func length(type: FourBitType, blockSize: Int, dtype: DType, shape: [Int], isNested: Bool) -> Int {
    let longestNumber = 24
    return text(type: type, blockSize: blockSize, dtype: dtype, shape: shape, offset: isNested ? 0 : nil).count
      + (isNested ? longestNumber - 1 : 0)
  }

  private static func text(type: FourBitType, blockSize: Int, dtype: DType, shape: [Int], offset: Float?) -> [UInt8] {
    var state: JSONObject = [
      "quant_type": .string(type.rawValue), "blocksize": .integer(blockSize),
      "dtype": .string(dtype.transformersName ?? ""), "shape": .array(shape.map { .integer($0) }),
    ]
    if let offset {
      state["nested_blocksize"] = .integer(NestedScales.blockSize)
      state["nested_dtype"] = "float32"
      state["nested_offset"] = .number(Double(offset))
    }
    return Array(JSON.object(state).text(indent: 0).utf8)
  }
}
