package import Checkpoint
package import Failures
import JSON
import RegularExpressions

package enum AdapterMethod: String, Sendable, CaseIterable {
  case randlora, lora
}

/// What an adapter is, in the terms of PEFT's adapter_config.json, checked.
package struct AdapterConfiguration: Sendable, Equatable {
  package let method: AdapterMethod
  /// `r`
  package let rank: Int
  /// `randlora_alpha` or `lora_alpha`
  package let alpha: Double
  /// `randlora_dropout` or `lora_dropout`: on the adapter's input, in training only.
  package let dropout: Double
  package let targetModules: TargetModules
  /// `exclude_modules`: which of them are left out nevertheless. LoRA only.
  package let excludedModules: TargetModules?
  /// `layers_to_transform`: the layers' indices in order, or nil for all. Only with named modules.
  package let layersToTransform: [Int]?
  /// `layers_pattern`: names of the list of layers (regular expressions); empty means any.
  package let layersPattern: [String]
  /// `projection_prng_key`: the seed of RandLoRA's bases; 0 for LoRA.
  package let projectionPRNGKey: Int
  /// `sparse` and `very_sparse`; dense for LoRA.
  package let sparsity: BasesSparsity
  /// `use_rslora`: scale by 1/sqrt(r) instead of 1/r. LoRA only.
  package let useRSLoRA: Bool
  /// `bias`: biases that are trained.
  package let bias: TrainedBiases
  /// `modules_to_save`: modules whose own tensors are trained in full, by the ends of their names.
  package let modulesToSave: [String]
  /// `rank_pattern` and `alpha_pattern`: other ranks and alphas for some modules. LoRA only.
  package let rankPattern: [ModulePattern], alphaPattern: [ModulePattern]

  /// The greatest rank: larger ones only waste memory.
  static let rankLimit = 65_536

  /// - Throws: `usage`, naming the value that is out of range.
  package init(
    method: AdapterMethod, rank: Int, alpha: Double, dropout: Double, targetModules: TargetModules, excludedModules: TargetModules? = nil,
    layersToTransform: [Int]? = nil, layersPattern: [String] = [], projectionPRNGKey: Int = 0,
    sparsity: BasesSparsity = .dense, useRSLoRA: Bool = false, bias: TrainedBiases = .none,
    modulesToSave: [String] = [], rankPattern: [ModulePattern] = [], alphaPattern: [ModulePattern] = []
  ) throws(Failure) {
    func check(_ condition: Bool, _ message: String) throws(Failure) {
      guard condition else { throw Failure(.usage, message) }
    }
    try check(1...Self.rankLimit ~= rank, "the rank \(rank) is out of range (1 to \(Self.rankLimit))")
    for entry in rankPattern {
      try check(
        1...Self.rankLimit ~= Int(exactly: entry.value) ?? 0,
        "rank_pattern: the rank \(entry.value) of '\(entry.pattern)' is out of range (1 to \(Self.rankLimit))")
    }
    for entry in alphaPattern {
      try check(
        entry.value > 0 && Float(entry.value).isFinite,
        "alpha_pattern: \(entry.value) of '\(entry.pattern)' is not a number greater than zero")
    }
    try check(alpha > 0 && alpha.isFinite, "alpha \(alpha) is not a number greater than zero")
    try check(Float(alpha).isFinite, "alpha \(alpha) is larger than any number of float32")
    try check(dropout >= 0 && dropout < 1, "the dropout probability \(dropout) is not in 0..<1")
    let layers = (layersToTransform ?? []).isEmpty ? nil : layersToTransform
    if case .names(let names) = targetModules {
      try check(!names.isEmpty, "no target modules are named")
    } else {
      try check(
        layers == nil && layersPattern.isEmpty,
        "layers_to_transform goes only with a list of target module names")
    }
    try check(layers != nil || layersPattern.isEmpty, "layers_pattern needs layers_to_transform")
    if method == .lora {
      try check(
        projectionPRNGKey == 0 && sparsity == .dense,
        "LoRA has no random bases: projection_prng_key, sparse and very_sparse are for RandLoRA only")
    } else {
      try check(!useRSLoRA, "use_rslora is for LoRA only")
      try check(rankPattern.isEmpty && alphaPattern.isEmpty, "rank_pattern and alpha_pattern are for LoRA only")
    }
    self.method = method
    self.rank = rank
    self.alpha = alpha
    self.dropout = dropout
    self.targetModules = targetModules.normalized
    self.excludedModules = excludedModules == .names([]) ? nil : excludedModules?.normalized
    self.layersToTransform = layers.map { Set($0).sorted() }
    self.layersPattern = layersPattern
    self.projectionPRNGKey = projectionPRNGKey
    self.sparsity = sparsity
    try check(!modulesToSave.contains(""), "modules_to_save: an empty name is no module's")
    self.useRSLoRA = useRSLoRA
    self.bias = bias
    self.modulesToSave = modulesToSave
    (self.rankPattern, self.alphaPattern) = (rankPattern, alphaPattern)
  }

  /// What ΔW is multiplied with: alpha/r, or alpha/sqrt(r) with rsLoRA.
  package var scaling: Double { scaling(rank: Double(rank), alpha: alpha) }

  private func scaling(rank: Double, alpha: Double) -> Double { alpha / (useRSLoRA ? rank.squareRoot() : rank) }

  /// The rank and the scaling of each module.
  func ranks(of modules: [LinearModule]) throws(Failure) -> (ranks: [Int], scalings: [Double]) {
    let ranks = try ModulePattern.values(rankPattern, of: modules, common: Double(rank))
    let alphas = try ModulePattern.values(alphaPattern, of: modules, common: alpha)
    return (ranks.map { Int($0) }, zip(ranks, alphas).map { scaling(rank: $0, alpha: $1) })
  }

  /// The adapted modules in the model's order; at least one.
  /// - Parameter modules: all linear layers of the model, its output head included.
  package func select(from modules: [LinearModule]) throws(Failure) -> [LinearModule] {
    let targets = try targetModules.select(from: modules)
    let excluded = Set((try excludedModules?.matches(in: targets) ?? []).map { ByteString($0.name) })
    let named = targets.filter { !excluded.contains(ByteString($0.name)) }
    guard !named.isEmpty else {
      throw Failure(.usage, "exclude_modules leaves out every target module", hint: "name fewer of them")
    }
    guard let layersToTransform else { return named }
    let lists = layersPattern.isEmpty ? [#"[^.]*"#] : layersPattern
    var chosen = Set<Int>()
    for layer in layersToTransform {
      let before = chosen.count
      for list in lists {
        let expression = try RegularExpression(#"(?:.*?\.)?(?:\#(list))\.\#(layer)\..*"#)
        for (index, module) in named.enumerated() where try expression.wholeMatch(module.name) {
          chosen.insert(index)
        }
      }
      guard chosen.count > before else {
        throw Failure(
          .usage, "layers_to_transform: there is no layer \(layer) with a target module",
          hint: "the model's first target module is \(named.first?.name ?? "none")")
      }
    }
    return chosen.sorted().map { named[$0] }
  }
}
