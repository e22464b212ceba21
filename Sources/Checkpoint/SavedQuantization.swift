import Failures
import JSON
import Tensor

/// The tensors in which bitsandbytes saves one quantized weight: codes under the weight's own name, and beside it what
/// is needed to read them.
///
/// Four bits: `NAME.weight.absmax`, `.quant_map`, `.quant_state.bitsandbytes__nf4` (JSON as bytes) and, where the scales
/// are quantized too, `.nested_absmax` and `.nested_quant_map`. Eight bits: `NAME.SCB` and `NAME.weight_format`.
struct SavedQuantization {
  /// `NAME.weight`
  let weight: String
  private let weights: WeightFiles
  private let kind: Kind

  private enum Kind {
    case fourBit(FourBitType)
    case rows
  }

  /// Nil when the weight is not quantized.
  init?(_ weight: String, in weights: WeightFiles) {
    if let type = FourBitType.allCases.first(where: { weights[Self.state(weight, $0)] != nil }) {
      kind = .fourBit(type)
    } else if weights[Self.absmax(ofRows: weight)] != nil {
      kind = .rows
    } else {
      return nil
    }
    self.weight = weight
    self.weights = weights
  }

  static func state(_ weight: String, _ type: FourBitType) -> String {
    "\(weight).quant_state.bitsandbytes__\(type.rawValue)"
  }

  static func absmax(ofRows weight: String) -> String { weight.dropLast("weight".count) + "SCB" }
  static func format(ofRows weight: String) -> String { weight + "_format" }

  /// The names of the tensors beside the weight that may be there.
  var companions: [String] {
    switch kind {
    case .rows: [Self.absmax(ofRows: weight), Self.format(ofRows: weight)]
    case .fourBit(let type):
      ["absmax", "quant_map", "nested_absmax", "nested_quant_map"].map { "\(weight).\($0)" }
        + [Self.state(weight, type)]
    }
  }

  var bits: Int { if case .rows = kind { 8 } else { 4 } }

  /// - Parameter shape: what the model's configuration says.
  /// - Throws: `Failure.badData` naming file, tensor or field.
  func matrix(shape: [Int]) throws(Failure) -> QuantizedMatrix {
    switch kind {
    case .rows: try rows(shape)
    case .fourBit(let type): try fourBit(type, shape)
    }
  }

  private func rows(_ shape: [Int]) throws(Failure) -> QuantizedMatrix {
    let codes = try weights.tensor(weight, dtype: .i8, shape: shape)
    let absmax = try weights.tensor(Self.absmax(ofRows: weight), dtype: .f32, shape: [shape[0]])
    let format = Self.format(ofRows: weight)
    if let order = weights[format], unsafe order.dtype != .u8 || order.count != 1 || order.bytes.load(as: UInt8.self) != 0 {
      throw Failure(.badData, "\(weights.path(of: format)): the tensor '\(format)' does not say 0: rows one after another")
    }
    return QuantizedMatrix(shape: shape, codes: .rows(codes, absmax: absmax), dtype: .f32)
  }
}

// MARK: - Four bits

extension SavedQuantization {
  private func fourBit(_ type: FourBitType, _ shape: [Int]) throws(Failure) -> QuantizedMatrix {
    let state = try QuantizationState(weights.tensor(Self.state(weight, type), dtype: .u8), source: source(type))
    try state.check(type: type, shape: shape)
    let count = shape.reduce(1, *)
    let codes = try weights.tensor(weight)
    guard codes.byteCount == FourBitBlocks.byteCount(of: count) else {
      throw failure(weight, "has \(codes.byteCount) bytes of codes, expected \(FourBitBlocks.byteCount(of: count))")
    }
    let map = try weights.tensor("\(weight).quant_map", dtype: .f32, shape: [16])
    guard map.floats().array == type.values else {
      throw failure("\(weight).quant_map", "holds other values than those of \(type.rawValue)")
    }
    let blocks = FourBitBlocks.blocks(of: count, size: state.blockSize)
    return QuantizedMatrix(
      shape: shape,
      codes: .fourBit(
        FourBitBlocks(
          type: type, blockSize: state.blockSize, count: count, codes: codes,
          scales: try scales(state, blocks: blocks))),
      dtype: state.dtype)
  }

  private func scales(_ state: QuantizationState, blocks: Int) throws(Failure) -> FourBitBlocks.Scales {
    let absmax = "\(weight).absmax"
    guard let offset = state.nestedOffset else {
      return .plain(try weights.tensor(absmax, dtype: .f32, shape: [blocks]))
    }
    let groups = FourBitBlocks.blocks(of: blocks, size: NestedScales.blockSize)
    return .nested(
      NestedScales(
        codes: try weights.tensor(absmax, dtype: .u8, shape: [blocks]),
        absmax: try weights.tensor("\(weight).nested_absmax", dtype: .f32, shape: [groups]),
        values: try weights.tensor("\(weight).nested_quant_map", dtype: .f32, shape: [256]).floats(),
        offset: offset))
  }

  private func source(_ type: FourBitType) -> String {
    let name = Self.state(weight, type)
    return "\(weights.path(of: name)) (\(name))"
  }

  private func failure(_ name: String, _ what: String) -> Failure {
    Failure(.badData, "\(weights.path(of: name)): the tensor '\(name)' \(what)")
  }
}
