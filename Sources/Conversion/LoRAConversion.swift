package import Adapters
package import Checkpoint
package import Failures
import Tensor

/// How much of an update a LoRA adapter keeps.
package enum LoRATruncation: Sendable {
  /// The same rank everywhere, or the smaller width of a layer where that is less.
  case rank(Int)
  /// For each layer the smallest rank that keeps this share of ΔW's squared Frobenius norm.
  case energy(Double)

  /// The rank for a layer with these singular values; at least 1.
  func rank(of values: [Double]) -> Int {
    switch self {
    case .rank(let rank): return min(rank, values.count)
    case .energy(let share):
      let total = values.reduce(0) { $0 + $1 * $1 }
      var kept = 0.0
      for (index, value) in values.enumerated() {
        kept += value * value
        if kept >= share * total { return index + 1 }
      }
      return values.count
    }
  }
}

/// Adapters of one base as one LoRA adapter: each layer's `Σ w · ΔW` by its largest singular values (as
/// `peft.convert_to_lora` does for one adapter), which is the nearest matrix of that rank.
package struct LoRAConversion {
  /// What became of one linear layer.
  package struct Layer: Sendable {
    package let module: LinearModule
    package let rank: Int
    /// The Frobenius norm of what is left out, over that of ΔW.
    package let relativeError: Double
  }

  package let adapter: Adapter
  package let layers: [Layer]

  /// - Parameter progress: called after each layer; may stop the work by throwing.
  /// - Throws: `Failure.badData` when a layer's update is not finite, `Failure.usage` when adapters train tensors in
  ///   full that a LoRA adapter cannot hold.
  package init(
    _ adapters: WeightedAdapters, truncation: LoRATruncation, progress: () throws(Failure) -> Void
  ) throws(Failure) {
    let only = adapters.parts.count == 1 ? adapters.parts.first : nil
    guard adapters.trained.isEmpty || only?.weight == 1 else {
      throw Failure(
        .usage, "'\(adapters.trained.sorted()[0])' is trained in full: only one adapter alone, with weight 1, takes it along",
        hint: "merge into a model instead")
    }
    var layers: [Layer] = []
    var factors: [(a: Tensor, b: Tensor)] = []
    for module in adapters.modules {
      guard let delta = adapters.delta(of: module.name) else { preconditionFailure("modules are those with updates") }
      guard delta.array.allSatisfy(\.isFinite) else {
        throw Failure(.badData, "the update of '\(module.name)' is not finite", hint: "the training has diverged")
      }
      let decomposed = try SingularValues(delta)
      let rank = truncation.rank(of: decomposed.values)
      layers.append(Layer(module: module, rank: rank, relativeError: Self.error(decomposed.values, rank: rank)))
      factors.append(Self.factors(decomposed, rank: rank))
      try progress()
    }
    let configuration = try Self.configuration(layers, of: only?.adapter.configuration)
    let trained = only?.adapter.layout.trained ?? []
    let layout = try AdapterLayout(configuration, modules: adapters.modules, trained: trained)
    let parameters = Tensor(layout.count)
    for (index, factor) in factors.enumerated() {
      parameters.replace(from: layout.entry(module: index, parameter: .a).offset, with: factor.a)
      parameters.replace(from: layout.entry(module: index, parameter: .b).offset, with: factor.b)
    }
    for (tensor, entry) in zip(trained, layout.trainedEntries) {
      guard let value = only?.adapter.trainedValue(of: tensor.name) else { continue }
      parameters.replace(from: entry.offset, with: value)
    }
    self.layers = layers
    adapter = Adapter(
      configuration: configuration, layout: layout, bases: nil, basesOrigin: .absent, parameters: parameters)
  }

  private static func error(_ values: [Double], rank: Int) -> Double {
    func square(_ part: ArraySlice<Double>) -> Double { part.reduce(0) { $0 + $1 * $1 } }
    let all = square(values[...])
    return all == 0 ? 0 : (square(values[rank...]) / all).squareRoot()
  }

  /// LoRA's A (rank, in) and B (out, rank), the singular values' roots on either side.
  private static func factors(_ decomposed: SingularValues, rank: Int) -> (a: Tensor, b: Tensor) {
    let k = decomposed.values.count
    let out = decomposed.left.count / k, `in` = decomposed.right.count / k
    let a = Tensor(rank, `in`), b = Tensor(out, rank)
    for index in 0..<rank {
      let root = decomposed.values[index].squareRoot()
      for column in 0..<`in` { a[index * `in` + column] = Float(decomposed.right[index * `in` + column] * root) }
      for row in 0..<out { b[row * rank + index] = Float(decomposed.left[row * k + index] * root) }
    }
    return (a, b)
  }

  /// The rank that most layers have is the common one; alpha equals the rank everywhere, so that nothing is scaled.
  private static func configuration(
    _ layers: [Layer], of source: AdapterConfiguration?
  ) throws(Failure) -> AdapterConfiguration {
    var counts: [Int: Int] = [:]
    for layer in layers { counts[layer.rank, default: 0] += 1 }
    let rank = counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key ?? 1
    let others = layers.filter { $0.rank != rank }.map { ModulePattern($0.module.name, Double($0.rank)) }
    return try AdapterConfiguration(
      method: .lora, rank: rank, alpha: Double(rank), dropout: 0,
      targetModules: source?.targetModules ?? .names(layers.map(\.module.name)),
      layersToTransform: source?.layersToTransform, layersPattern: source?.layersPattern ?? [],
      bias: source?.bias ?? .none, modulesToSave: source?.modulesToSave ?? [], rankPattern: others, alphaPattern: others)
  }
}
