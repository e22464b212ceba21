package import Failures
package import JSON
package import Tensor

/// A model's weights with its linear layers quantized, as transformers saves what bitsandbytes quantized.
///
/// One weight is in memory at a time. The same weights give the same bytes, however the original is cut into files.
package struct ModelQuantization {
  private let weights: WeightFiles
  private let shapes: [ByteString: [Int]]
  /// The names of the weights that are quantized.
  private let quantized: Set<ByteString>
  package let scheme: QuantizationScheme
  /// `llm_int8_skip_modules`: linear layers that stay as they are.
  package let skippedModules: [String]
  /// Where each file of weights is to be written.
  private let plan: ShardPlan

  private static let shardLimit = 5_000_000_000

  /// - Parameter skippedModules: names of linear layers, or parts of names between dots: `lm_head`, `down_proj`.
  /// - Throws: `Failure.usage` when a name fits no layer, `Failure.badData` when the model is quantized already.
  package init(
    configuration: ModelConfiguration, weights: WeightFiles, scheme: QuantizationScheme, skipping skippedModules: [String]
  ) throws(Failure) {
    guard configuration.quantization == nil else {
      throw Failure(.badData, "the model is quantized already", hint: "leave out --quantize to take it as it is")
    }
    let modules = configuration.linearWeights.map { String($0.name.dropLast(".weight".count)) } + ["lm_head"]
    for name in skippedModules where !modules.contains(where: { Self.fits($0, name) }) {
      throw Failure(
        .usage, "no linear layer is called '\(name)'",
        hint: "linear layers are called \(modules.first ?? "") and the like, or by parts of such names")
    }
    self.weights = weights
    self.scheme = scheme
    self.skippedModules = skippedModules
    quantized = Set(modules.filter { module in !skippedModules.contains { Self.fits(module, $0) } }
      .map { ByteString($0 + ".weight") })
    let shapes = configuration.weightShapes
    self.shapes = Dictionary(uniqueKeysWithValues: shapes.map { (ByteString($0.name), $0.shape) })
    var groups: [[TensorDescription]] = []
    for (name, shape) in shapes {
      let plain = TensorDescription(name: name, dtype: try weights.weight(name, shape: shape).dtype, shape: shape)
      groups.append(quantized.contains(ByteString(name)) ? Self.descriptions(name, shape, scheme) : [plain])
    }
    // Each weight's last part may have any number of bytes, and what follows would lie at addresses that are no multiple of
    // its elements' size: readers would have to copy it.
    let plain = Set(groups.filter { $0.count == 1 }.map { ByteString($0[0].name) })
    let last = Set(groups.filter { $0.count > 1 }.compactMap(\.last).map { ByteString($0.name) })
    plan = ShardPlan(groups: groups, limit: Self.shardLimit).ordered { tensor in
      plain.contains(ByteString(tensor.name)) ? 0 : last.contains(ByteString(tensor.name)) ? 2 : 1
    }
  }

  /// What `write` writes.
  package var byteCount: Int { plan.shards.joined().reduce(0) { $0 + ($1.byteCount ?? 0) } }

  /// Writes the weights.
  /// - Parameters:
  ///   - locate: where to write a file of that name.
  ///   - progress: called with the bytes of each weight that has been written; may stop the work by throwing.
  package func write(
    locate: (String) throws(Failure) -> String, progress: (Int) throws(Failure) -> Void
  ) throws(Failure) {
    for (number, shard) in plan.shards.enumerated() {
      let file = try SafeTensorsWriter(try locate(plan.name(of: number)), tensors: shard)
      var last: [StoredTensor] = []
      for tensor in shard {
        guard let shape = shapes[ByteString(tensor.name)] else { continue }  // a part of a weight before it
        let stored = try weights.weight(tensor.name, shape: shape)
        if quantized.contains(ByteString(tensor.name)) {
          let parts = try quantize(stored, name: tensor.name).savedTensors
          for part in parts.dropLast() { try file.append(part) }
          last += parts.suffix(1)
          try progress(parts.reduce(0) { $0 + $1.byteCount })
        } else {
          try file.append(stored)
          try progress(stored.byteCount)
        }
      }
      for part in last { try file.append(part) }
      file.finish()
    }
    if let index = plan.index { try OutputFile.write(index.text() + "\n", to: try locate(WeightFiles.index)) }
  }

  private func quantize(_ stored: StoredTensor, name: String) throws(Failure) -> QuantizedMatrix {
    let matrix = scheme.quantize(stored.floats())
    guard matrix.isFinite else {
      throw Failure(
        .badData, "the tensor '\(name)' holds values beyond the range of float16, in which int8 rows are made",
        hint: "choose --quantize nf4")
    }
    return matrix
  }

  /// config.json of the quantized model.
  package func configuration(_ original: JSONObject) -> JSON {
    var object = original
    object["quantization_config"] = QuantizationConfiguration.json(scheme, skipping: skippedModules)
    return .object(object)
  }

  private static func fits(_ module: String, _ name: String) -> Bool {
    module == name || module.split(separator: ".").contains { $0 == name }
  }
}

// MARK: - What is written for one weight

extension ModelQuantization {
  private static func descriptions(_ name: String, _ shape: [Int], _ scheme: QuantizationScheme) -> [TensorDescription] {
    func tensor(_ name: String, _ dtype: DType, _ shape: Int...) -> TensorDescription {
      TensorDescription(name: name, dtype: dtype, shape: shape)
    }
    switch scheme.codes {
    case .int8:
      return [
        TensorDescription(name: name, dtype: .i8, shape: shape),
        tensor(SavedQuantization.absmax(ofRows: name), .f32, shape[0]),
        TensorDescription(name: SavedQuantization.format(ofRows: name), dtype: .u8, shape: []),
      ]
    case .fourBit(let type, let size, let isNested):
      let count = shape.reduce(1, *), blocks = FourBitBlocks.blocks(of: count, size: size)
      let length = QuantizationState.length(
        type: type, blockSize: size, dtype: scheme.dtype, shape: shape, isNested: isNested)
      let nested = [
        tensor("\(name).nested_absmax", .f32, FourBitBlocks.blocks(of: blocks, size: NestedScales.blockSize)),
        tensor("\(name).nested_quant_map", .f32, 256),
      ]
      return [
        tensor(name, .u8, FourBitBlocks.byteCount(of: count), 1),
        tensor("\(name).absmax", isNested ? .u8 : .f32, blocks), tensor("\(name).quant_map", .f32, 16),
      ] + (isNested ? nested : []) + [tensor(SavedQuantization.state(name, type), .u8, length)]
    }
  }
}

extension QuantizedMatrix {
  /// The tensors in which it is saved, in the order of their descriptions.
  fileprivate var savedTensors: [StoredTensor] {
    func floats(_ values: [Float]) -> StoredTensor { StoredTensor(values, dtype: .f32, shape: [values.count]) }
    switch codes {
    case .rows(let rows, let absmax): return [rows, absmax, StoredTensor([UInt8(0)], dtype: .u8, shape: [])]
    case .fourBit(let blocks):
      let state = QuantizationState.bytes(of: self, blocks)
      let map = floats(blocks.type.values)
      let last = StoredTensor(state, dtype: .u8, shape: [state.count])
      switch blocks.scales {
      case .plain(let absmax): return [blocks.codes, absmax, map, last]
      case .nested(let nested):
        return [blocks.codes, nested.codes, map, nested.absmax, floats(nested.values.array), last]
      }
    }
  }
}
