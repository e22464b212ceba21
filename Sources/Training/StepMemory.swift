import Adapters
import Checkpoint
import Failures
import Tensor
import Transformer

/// The sizes of what an optimiser step holds, by formula. T: tokens of its largest micro-batch.
struct StepMemory {
  private let configuration: ModelConfiguration
  private let adapter: Adapter
  private let updates: (held: Int, saved: Int, scratch: Int)
  private let tokens: Int
  private let threads: Int
  let mapped: Int
  /// Layers whose activations the backward pass needs.
  let savedLayers: Int

  /// What the program takes besides: measured on a model of a few kilobytes, the same with any number of threads.
  private static let program = 5_000_000

  init(model: DecoderModel, adapter: Adapter, tokens: Int, stepTokens: Int, threads: Int) {
    configuration = model.configuration
    self.adapter = adapter
    self.tokens = tokens
    self.threads = threads
    mapped = model.mappedBytes(tokens: tokens)
    let plan = model.updatePlan(adapter, tokens: stepTokens)
    updates = plan.bytes(
      of: adapter.layout, tokens: tokens, threads: threads, hasDropout: adapter.configuration.dropout > 0)
    let modules = configuration.linearModules
    let names = Set(adapter.layout.modules.map(\.name))
    // Tensors trained in full may lie anywhere: everything has a backward pass then.
    let lowest =
      adapter.layout.trained.isEmpty ? modules.firstIndex { names.contains($0.name) } ?? modules.count : 0
    savedLayers = configuration.layerCount - lowest * configuration.layerCount / max(1, modules.count)
  }

  func parts(recomputing layers: Int) -> [MemoryPlan.Part] {
    let saved = savedLayers - layers
    let activations = saved * layerActivations + layers * tokens * configuration.width * 4
    // The lower layers are formed again when those above them are done, one at a time.
    let again = max(0, (layers > 0 ? layerActivations : 0) - saved * layerActivations)
    let tensors = [
      MemoryPlan.Part(name: "adapter, gradients, moments", bytes: 4 * 4 * adapter.layout.count),
      MemoryPlan.Part(name: "copies of what is trained in full", bytes: 2 * 4 * adapter.layout.trainedCount),
      MemoryPlan.Part(name: "random bases", bytes: adapter.bases.map { 4 * ($0.a.count + $0.b.count) } ?? 0),
      MemoryPlan.Part(name: "updates of layers", bytes: updates.held),
      MemoryPlan.Part(name: "activations", bytes: activations + again),
      MemoryPlan.Part(name: "logits and scratch", bytes: max(head, layerScratch) + panels + updates.scratch),
    ]
    return tensors + [
      MemoryPlan.Part(name: "freed, to be used again", bytes: Tensor.freedBytes(besides: tensors.bytes)),
      MemoryPlan.Part(name: "program", bytes: Self.program),
    ]
  }

  func refusal(limit: Int) -> Failure {
    let least = mapped + parts(recomputing: savedLayers).bytes
    func megabytes(_ bytes: Int) -> String { "\((bytes + 999_999) / 1_000_000) MB" }
    return Failure(
      .usage,
      "a step with micro-batches of up to \(tokens) tokens needs at least \(megabytes(least)) of memory, "
        + "\(megabytes(mapped)) of them for the weights, and --memory allows \(megabytes(limit))",
      hint: "try shorter rows, fewer adapted layers or a quantized base")
  }

  // MARK: - By formula

  private var attentionWidth: Int { configuration.headCount * configuration.headWidth }
  private var keyValueWidth: Int { configuration.keyValueHeadCount * configuration.headWidth }

  /// What one layer's backward pass needs of its forward pass: two residual streams, queries, keys, values, what
  /// attention returned, gate and up; what further norms were given, where a family has them; what adapters' first
  /// factors made of the inputs.
  private var layerActivations: Int {
    let norms = configuration.family.norms
    let normed =
      (norms.query == nil ? 0 : attentionWidth) + (norms.key == nil ? 0 : keyValueWidth)
      + [norms.attentionOutput, norms.feedForwardOutput].count { $0 != nil } * configuration.width
    let floats =
      2 * configuration.width + 2 * attentionWidth + 2 * keyValueWidth + 2 * configuration.feedForwardWidth
      + configuration.headCount + 2 + normed
    return tokens * floats * 4 + updates.saved / max(1, savedLayers)
  }

  /// The gradient of the residual stream, and what a layer's backward pass holds at its widest: in attention with the keys and
  /// values that are packed for it, or in the projections beside it.
  private var layerScratch: Int {
    let shared = attentionWidth > keyValueWidth ? 2 * attentionWidth : 0  // what query heads of a group add up
    let attention = 2 * attentionWidth + 5 * keyValueWidth + shared
    let projections = 2 * attentionWidth + 2 * keyValueWidth + 2 * configuration.width
    let feedForward = 2 * configuration.feedForwardWidth + configuration.width
    return tokens * (configuration.width + max(attention, projections, feedForward)) * 4
  }

  /// The last hidden states and their gradient, and one chunk of logits.
  private var head: Int {
    let rows = PredictionHead.chunk(vocabulary: configuration.vocabularySize)
    return 4 * (2 * tokens * configuration.width + rows * (configuration.vocabularySize + 4 * configuration.width))
  }

  /// What products are packed into, the widest of them the last one of a layer.
  private var panels: Int {
    let widest = max(configuration.width, configuration.feedForwardWidth, attentionWidth)
    return threads * MatMul.threadBytes + MatMul.packedBytes(rows: tokens, inner: widest)
  }
}
