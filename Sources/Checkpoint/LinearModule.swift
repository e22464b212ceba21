/// One linear layer of a model: `y = x · Wᵀ + b`.
package struct LinearModule: Sendable, Equatable {
  /// The module's name: `model.layers.0.self_attn.q_proj`. Its weight is `NAME.weight`, (out × in).
  package let name: String
  package let outFeatures: Int
  package let inFeatures: Int
  package let hasBias: Bool
  /// What the columns of `y` are, side by side: queries, keys and values in a fused projection; their sum is `outFeatures`.
  package let parts: [Int]

  static let outputHeadName = "lm_head"

  /// Whether it is the projection to the vocabulary.
  package var isOutputHead: Bool { name == Self.outputHeadName }

  package init(name: String, outFeatures: Int, inFeatures: Int, hasBias: Bool = false) {
    self.init(name: name, parts: [outFeatures], inFeatures: inFeatures, hasBias: hasBias)
  }

  package init(name: String, parts: [Int], inFeatures: Int, hasBias: Bool = false) {
    self.name = name
    self.parts = parts
    outFeatures = parts.reduce(0, +)
    self.inFeatures = inFeatures
    self.hasBias = hasBias
  }
}
