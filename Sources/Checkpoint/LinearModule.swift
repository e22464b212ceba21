/// One linear layer of a model: `y = x · Wᵀ + b`.
package struct LinearModule: Sendable, Equatable {
  /// The module's name: `model.layers.0.self_attn.q_proj`. Its weight is `NAME.weight`, (out × in).
  package let name: String
  package let outFeatures: Int
  package let inFeatures: Int
  package let hasBias: Bool

  package init(name: String, outFeatures: Int, inFeatures: Int, hasBias: Bool = false) {
    self.name = name
    self.outFeatures = outFeatures
    self.inFeatures = inFeatures
    self.hasBias = hasBias
  }
}
