package import Adapters
package import Checkpoint
package import Failures
package import Tensor

/// A frozen decoder-only language model, its weights left in their files, with an adapter at work on it or none.
package final class DecoderModel: Sendable {
  package let configuration: ModelConfiguration
  /// The ways in which layers rotate queries and keys.
  private let ropes: [RotaryEmbedding]
  private let embedding: Weight
  private let layers: [DecoderLayer]
  /// Every linear layer that an adapter can target, by slot.
  private let linears: [Linear]
  private let head: PredictionHead
  /// The place of each linear layer in the order of computation, by module name.
  private let slots: [String: Int]

  /// - Throws: `Failure.badData` naming a tensor that is missing, superfluous, of another shape or type.
  package init(_ configuration: ModelConfiguration, weights: WeightFiles) throws(Failure) {
    try weights.check(against: configuration)
    self.configuration = configuration
    var rotaries: [RotaryParameters] = []
    for case let rotary? in configuration.rotaries where !rotaries.contains(rotary) { rotaries.append(rotary) }
    ropes = rotaries.map { RotaryEmbedding($0) }
    let linearModules = configuration.adaptableModules
    slots = Dictionary(uniqueKeysWithValues: linearModules.enumerated().map { ($1.name, $0) })
    let source = LayerSource(
      configuration: configuration, weights: weights, linearModules: linearModules, slots: slots,
      ropes: configuration.rotaries.map { rotary in rotary.flatMap { rotaries.firstIndex(of: $0) } })
    let matrix = [configuration.vocabularySize, configuration.width]
    embedding = Weight(try weights.weight(Self.embeddingName, shape: matrix))
    var layers: [DecoderLayer] = []
    for index in 0..<configuration.layerCount {
      layers.append(try DecoderLayer(source, index: index))
    }
    self.layers = layers
    let tied = configuration.tiesEmbeddings ? embedding : nil
    head = PredictionHead(
      norm: try source.norm("model.norm", width: configuration.width),
      projection: try source.linear(configuration.outputHead.name, tied: tied),
      scale: Float(1 / configuration.logitDivisor),
      softCap: configuration.logitSoftCap.map { SoftCap(cap: Float($0)) })
    linears = layers.flatMap(\.linears) + [head.projection]
  }

  private func slot(of module: LinearModule) -> Int {
    guard let slot = slots[module.name] else { preconditionFailure("the adapter was checked against the model") }
    return slot
  }

  /// Puts an adapter to work on this model.
  /// - Parameters:
  ///   - tokens: how many tokens will share one set of parameters.
  ///   - training: whether gradients are wanted.
  package func activate(_ adapter: Adapter, tokens: Int, training: Bool) -> ActiveAdapter {
    ActiveAdapter(adapter, plan: updatePlan(adapter, tokens: tokens), training: training) {
      self.linears[self.slot(of: $0)].weight
    }
  }

  /// How the adapter's updates are computed when so many tokens share one set of parameters.
  ///
  /// Over a quantized model, full matrices are kept only while they take no more memory than the model does.
  package func updatePlan(_ adapter: Adapter, tokens: Int) -> UpdatePlan {
    let isQuantized = linears.contains { $0.weight.isQuantized }
    let room = isQuantized ? layers.flatMap(\.linears).reduce(0) { $0 + $1.weight.byteCount } : nil
    return UpdatePlan(tokens: tokens, layout: adapter.layout, room: room)
  }

  /// Bytes of the weights that a pass over so many tokens reads; of an embedding that is no head, their rows only.
  package func mappedBytes(tokens: Int) -> Int {
    let rows = configuration.tiesEmbeddings ? 0 : min(tokens, embedding.rows) * embedding.byteCount / embedding.rows
    return linears.reduce(rows) { $0 + $1.weight.byteCount }
  }

  /// The pieces of a pass over `rows` that all layers share.
  private func pass(_ rows: Rows, adapter: ActiveAdapter?, dropout: Dropout?) -> Pass {
    var updates = [LinearUpdate?](repeating: nil, count: slots.count)
    if let adapter {
      for (module, update) in zip(adapter.adapter.layout.modules, adapter.updates) {
        updates[slot(of: module)] = update
      }
    }
    return Pass(rows: rows, ropes: ropes.map { $0.table(rows) }, updates: updates, copies: adapter?.copies ?? [:],
      dropout: dropout)
  }

  private static let embeddingName = "model.embed_tokens.weight"

  /// (T, D)
  private func embed(_ tokens: [Int32], pass: Pass) -> Tensor {
    let x = Tensor(unfilled: [tokens.count, configuration.width])
    let scale = configuration.embeddingScale(weights: embedding.dtype)
    if let copy = pass.copies[Self.embeddingName] {
      for (row, id) in tokens.enumerated() { x.copyRows(of: copy.value, Int(id)..<Int(id) + 1, to: row) }
    } else {
      embedding.gather(tokens, into: x)
    }
    if scale != 1 { x.scale(by: scale) }
    return x
  }

  /// Keeps the gradient of a trained embedding.
  /// - Parameter d: of what `embed` returned, (T, D).
  private func embedBackward(_ d: Tensor, tokens: [Int32], pass: Pass) {
    pass.copies[Self.embeddingName]?.gradient?.scatterAdd(
      d, ids: tokens, factor: configuration.embeddingScale(weights: embedding.dtype))
  }

  /// The hidden states (T, D) after the last layer, before the final norm.
  private func hidden(_ tokens: [Int32], pass: Pass, cache: KVCache? = nil) -> Tensor {
    var x = embed(tokens, pass: pass)
    for (index, layer) in layers.enumerated() {
      x = layer.forward(x, pass: pass, cache: cache?.layer(index)).y
    }
    cache?.advance(by: pass.rows)
    return x
  }

  /// The loss of every target of a micro-batch.
  /// - Returns: negative log-likelihood (nats) a target, and whether the target had the largest logit.
  package func loss(_ batch: MicroBatch, adapter: ActiveAdapter?) -> (nll: [Float], correct: [Bool]) {
    let pass = pass(batch.rows, adapter: adapter, dropout: nil)
    return head.loss(hidden(batch.tokens, pass: pass), batch: batch, pass: pass, gradient: nil)
  }

  /// Forward and backward: the loss of every target, with the gradient of `scale` times their sum added to the
  /// adapter's.
  /// - Parameter recomputing: how many of the layers that need a backward pass, from the lowest up, keep nothing but
  ///   their input, and are gone through once more in the backward pass. The gradient does not depend on it.
  package func lossAndGradient(
    _ batch: MicroBatch, adapter: ActiveAdapter, scale: Float, dropout: Dropout?, recomputing: Int = 0
  ) -> [Float] {
    let pass = pass(batch.rows, adapter: adapter, dropout: dropout)
    let lowest = lowestLayer(pass)
    var x = embed(batch.tokens, pass: pass)
    var saved: [SavedLayer] = []
    for (index, layer) in layers.enumerated() {
      let (y, activations) = layer.forward(x, pass: pass)
      if index >= lowest { saved.append(index < lowest + recomputing ? .input(x) : .activations(activations)) }
      x = y
    }
    let d = Tensor(shape: x.shape)
    let gradient = PredictionHead.Gradient(scale: scale, dHidden: lowest < layers.count ? d : nil)
    let nll = head.loss(x, batch: batch, pass: pass, gradient: gradient).nll
    for index in stride(from: layers.count - 1, through: lowest, by: -1) {
      let activations = saved.removeLast().activations(of: layers[index], pass: pass)
      layers[index].backward(d, activations, pass: pass, inputGradient: index > lowest || !pass.copies.isEmpty)
    }
    embedBackward(d, tokens: batch.tokens, pass: pass)
    return nll
  }

  /// The first layer with something to train; the number of layers when only the head has. Tensors trained in full may lie
  /// anywhere, from the embedding on.
  private func lowestLayer(_ pass: Pass) -> Int {
    guard pass.copies.isEmpty else { return 0 }
    let slotsPerLayer = (slots.count - 1) / layers.count
    return pass.updates.firstIndex { $0 != nil }.map { $0 / slotsPerLayer } ?? layers.count
  }

  /// Logits of every token, (T, V).
  package func logits(_ batch: MicroBatch, adapter: ActiveAdapter?) -> Tensor {
    let pass = pass(batch.rows, adapter: adapter, dropout: nil)
    return head.logits(hidden(batch.tokens, pass: pass), tokens: Array(batch.tokens.indices), pass: pass)
  }

  /// Feeds each row's new tokens to the model after those that the cache has seen.
  /// - Returns: the logits after each row's last token, (rows, V).
  package func nextLogits(_ rows: [[Int32]], cache: KVCache, adapter: ActiveAdapter?) -> Tensor {
    let layout = Rows(lengths: rows.map(\.count), firstPositions: cache.lengths)
    let pass = pass(layout, adapter: adapter, dropout: nil)
    let x = hidden(rows.flatMap { $0 }, pass: pass, cache: cache)
    return head.logits(x, tokens: layout.spans.map { $0.upperBound - 1 }, pass: pass)
  }

  /// The tokens of a row that its place in the cache has not seen yet; all of them where rotations follow a row's length and
  /// differ at its new length: then its place is emptied.
  func unseen(_ row: [Int32], place: Int, cache: KVCache) -> [Int32] {
    let seen = cache.lengths[place]
    guard seen == 0 || ropes.allSatisfy({ $0.isSame(forLengths: seen, row.count) }) else {
      cache.empty(row: place)
      return row
    }
    return Array(row.dropFirst(seen))
  }

  /// An empty cache for rows that will see at most so many tokens each.
  package func cache(capacities: [Int]) -> KVCache {
    KVCache(
      layers: layers.count, capacities: capacities,
      width: configuration.keyValueHeadCount * configuration.headWidth)
  }
}

/// What is kept of a layer between its forward and its backward pass.
private enum SavedLayer {
  case activations(DecoderLayer.Activations)
  /// (T, D)
  case input(Tensor)

  func activations(of layer: DecoderLayer, pass: Pass) -> DecoderLayer.Activations {
    switch self {
    case .activations(let activations): activations
    case .input(let x): layer.forward(x, pass: pass).1
    }
  }
}
