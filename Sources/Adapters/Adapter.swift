package import Checkpoint
package import Failures
package import Tensor

/// An adapter's state: what it is, its frozen bases and its trained values.
package struct Adapter: Sendable {
  package let configuration: AdapterConfiguration
  package let layout: AdapterLayout
  /// RandLoRA's bases; nil for LoRA.
  package let bases: Bases?
  package let basesOrigin: BasesOrigin
  /// (layout.count), as the layout arranges them.
  package let parameters: Tensor

  package init(
    configuration: AdapterConfiguration, layout: AdapterLayout, bases: Bases?, basesOrigin: BasesOrigin,
    parameters: Tensor
  ) {
    precondition(parameters.count == layout.count && (bases == nil) == (basesOrigin == .absent))
    self.configuration = configuration
    self.layout = layout
    self.bases = bases
    self.basesOrigin = basesOrigin
    self.parameters = parameters
  }

  /// A new adapter that does not change the model yet.
  ///
  /// RandLoRA: lambda 0, gamma 1/max(n, min(out, in)). LoRA: A as `kaiming_uniform_(a: sqrt(5))` draws it, module after
  /// module from one generator, B 0.
  /// - Parameters:
  ///   - modules: all linear layers of the model, its output head included.
  ///   - tensors: the model's own, of which `bias` and `modules_to_save` choose.
  ///   - weights: the present values of those chosen; a tied output head starts as the embedding.
  ///   - seed: of LoRA's A; RandLoRA's bases follow `projectionPRNGKey`.
  package init(
    configuration: AdapterConfiguration, modules: [LinearModule], tensors: [(name: String, shape: [Int])] = [],
    weights: WeightFiles? = nil, seed: Int
  ) throws(Failure) {
    let chosen = try configuration.select(from: modules)
    let layout = try AdapterLayout(
      configuration, modules: chosen,
      trained: try configuration.trainedTensors(from: tensors, adapted: chosen))
    let parameters = Tensor(layout.count)
    var generator = TorchGenerator(seed: seed)
    for entry in layout.entries {
      switch entry.parameter {
      case .lambda, .b: break
      case .gamma:
        let value = Float(1 / Double(max(entry.shape[0], entry.shape[1])))
        for index in entry.range { parameters[index] = value }
      case .a:
        let bound = TorchGenerator.kaimingBound(fanIn: entry.shape[1])
        for index in entry.range { parameters[index] = generator.uniform(bound: bound) }
      case .own: break
      }
    }
    for (tensor, entry) in zip(layout.trained, layout.trainedEntries) {
      guard let weights else { preconditionFailure("tensors to train have values to start from") }
      let isTied = tensor.name == "lm_head.weight" && weights[tensor.name] == nil
      let source = isTied ? "model.embed_tokens.weight" : tensor.name
      parameters.add(try weights.weight(source, shape: entry.shape).floats(), at: entry.offset)
    }
    let bases = try Self.generatedBases(configuration, modules: chosen)
    self.init(
      configuration: configuration, layout: layout, bases: bases,
      basesOrigin: bases == nil ? .absent : .generated,
      parameters: parameters)
  }

  /// The same adapter with other trained values.
  package func replacing(parameters: Tensor) -> Adapter {
    Adapter(
      configuration: configuration, layout: layout, bases: bases, basesOrigin: basesOrigin,
      parameters: parameters)
  }

  /// The bases as the generator draws them for a configuration; nil for LoRA.
  static func generatedBases(_ configuration: AdapterConfiguration, modules: [LinearModule]) throws(Failure)
    -> Bases?
  {
    guard configuration.method == .randlora else { return nil }
    let shape = BasesShape(modules: modules, rank: configuration.rank)
    let bases = Bases(shape: shape, sparsity: configuration.sparsity, key: configuration.projectionPRNGKey)
    guard bases.a.isFinite, bases.b.isFinite else {
      throw Failure(
        .usage, "all values of a random basis of rank \(shape.rank) and width \(shape.minDim) are equal",
        hint: "choose a greater rank, another projection_prng_key or dense bases")
    }
    return bases
  }
}
