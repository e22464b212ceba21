package import Failures

#if canImport(Glibc)
  import Glibc
#endif

extension ModelConfiguration {
  /// What a GGUF file says of the model beside its tokenizer, under the keys that llama.cpp reads.
  ///
  /// - Throws: `Failure.badData` naming what llama.cpp does not compute for this family.
  package func ggufMetadata() throws(Failure) -> [(key: String, value: GGUFValue)] {
    try checkForGGUF()
    let name = family.gguf.name
    func integer(_ key: String, _ value: Int) -> (key: String, value: GGUFValue) { (name + key, .uint32(UInt32(value))) }
    func number(_ key: String, _ value: Double) -> (key: String, value: GGUFValue) { (name + key, .float32(Float(value))) }
    var metadata = [
      integer(".block_count", layerCount), integer(".context_length", contextLength),
      integer(".embedding_length", width), integer(".feed_forward_length", feedForwardWidth),
      integer(".attention.head_count", headCount), integer(".attention.head_count_kv", keyValueHeadCount),
      integer(".attention.key_length", headWidth), integer(".attention.value_length", headWidth),
      number(".attention.layer_norm_rms_epsilon", normEpsilon), integer(".vocab_size", vocabularySize),
    ]
    if let window = ggufWindow { metadata.append(integer(".attention.sliding_window", window)) }
    if let rotary = mainRotary {
      metadata += [integer(".rope.dimension_count", rotary.width), number(".rope.freq_base", rotary.theta)]
      metadata += rotary.scaling.ggufMetadata.map { (name + $0.key, $0.value) }
    }
    if let local = windowedRotary { metadata.append(number(".rope.freq_base_swa", local.theta)) }
    if let attentionSoftCap { metadata.append(number(".attn_logit_softcapping", attentionSoftCap)) }
    if let logitSoftCap { metadata.append(number(".final_logit_softcapping", logitSoftCap)) }
    if has(.attentionMultiplier) {
      metadata += [
        number(".attention.scale", attentionScale), number(".embedding_scale", embeddingMultiplier),
        number(".residual_scale", residualMultiplier), number(".logit_scale", logitDivisor),
      ]
    }
    return metadata
  }

  /// What llama.cpp computes otherwise than the model, though not for short texts; nil when nothing is.
  package var ggufLimitation: String? {
    guard family.gguf.windowPattern == nil, let window = windows.compactMap({ $0 }).min(), window < contextLength else {
      return nil
    }
    return "llama.cpp's \(family.gguf.name) attends to all positions, where this model attends to the latest \(window): "
      + "longer texts will get other answers"
  }

  /// Tensors that llama.cpp has beside those of the model: what the frequencies of rotated pairs are divided by.
  package var ggufRotaryFactors: [(name: String, values: [Float])] {
    guard let rotary = mainRotary else { return [] }
    switch rotary.scaling {
    case .llama3(let factor, let low, let high, let original):
      let pairs = 0..<rotary.width / 2
      let frequencies = pairs.map { pow(rotary.theta, -Double(2 * $0) / Double(rotary.width)) }
      return [
        (
          "rope_freqs.weight",
          frequencies.map { frequency in
            let rotations = Double(original) * frequency / (2 * Double.pi)
            let kept = min(max((rotations - low) / (high - low), 0), 1)
            return Float(1 / ((1 - kept) / factor + kept))
          }
        )
      ]
    case .longRoPE(let long):
      return [
        ("rope_factors_long.weight", long.longFactors.map { Float($0) }),
        ("rope_factors_short.weight", long.shortFactors.map { Float($0) }),
      ]
    case .none, .linear, .dynamic, .yarn: return []
    }
  }

  private func has(_ name: FamilyScalar.Name) -> Bool { family.scalars.contains { $0.name == name } }

  /// The parameters of the layers without a window, which are those of all layers but with Gemma 3.
  private var mainRotary: RotaryParameters? {
    let isLocal = family.rotation.localTheta != nil
    return zip(rotaries, windows).first { $0 != nil && (!isLocal || $1 == nil) }?.0
  }

  /// The parameters of the layers with a window, when they have parameters of their own.
  private var windowedRotary: RotaryParameters? {
    family.rotation.localTheta == nil ? nil : zip(rotaries, windows).first { $1 != nil }?.0
  }

  /// The window that all layers have, or those of the pattern.
  private var ggufWindow: Int? {
    family.gguf.windowPattern != nil || !windows.contains(nil) ? windows.compactMap { $0 }.first : nil
  }
}

// MARK: - What llama.cpp does not compute

extension ModelConfiguration {
  private func checkForGGUF() throws(Failure) {
    let architecture = family.gguf
    func refuse(_ what: String) -> Failure {
      Failure(
        .badData, "\(what), which llama.cpp's \(architecture.name) does not compute",
        hint: "merge with --format safetensors")
    }
    for case let rotary? in [mainRotary, windowedRotary] {
      if let scaling = rotary.scaling.ggufKind, !architecture.scalings.contains(scaling) {
        throw refuse("the model's rope type is '\(scaling.rawValue)'")
      }
      if case .yarn(let yarn) = rotary.scaling, !yarn.truncates || yarn.betaFast != 32 || yarn.betaSlow != 1 {
        throw refuse("the model's yarn has other bounds than 'beta_fast' 32 and 'beta_slow' 1, truncated")
      }
    }
    if let local = windowedRotary, local.scaling != .none {
      throw refuse("the model scales the rotation of layers with a window")
    }
    if let interval = family.rotation.unrotatedInterval,
      rotaries.enumerated().contains(where: { ($1 == nil) != (($0 + 1) % interval == 0) })
    {
      throw refuse("other layers than each \(interval)th are left unrotated")
    }
    if hasAttentionOutputBias || hasFeedForwardBias, !architecture.takesBiases {
      throw refuse("\(hasFeedForwardBias ? "feed-forward layers" : "o_proj") have biases")
    }
    if headWidth * headCount != width, !architecture.takesHeadWidth {
      throw refuse("\(headCount) heads of \(headWidth) do not make the hidden_size \(width)")
    }
    if let pattern = architecture.windowPattern,
      windows.enumerated().contains(where: { ($1 == nil) != (($0 + 1) % pattern == 0) })
    {
      throw refuse("other layers than each \(pattern)th attend to all positions")
    }
    for name in [FamilyScalar.Name.attentionSoftCap, .logitSoftCap] where has(name) {
      let isMissing = (name == .attentionSoftCap ? attentionSoftCap : logitSoftCap) == nil
      if isMissing, family.scalars.contains(where: { $0.name == name && $0.absent != nil }) {
        throw refuse("'\(name.rawValue)' is null")
      }
    }
    try checkScale(refuse)
  }

  /// Why llama.cpp cannot have the model's output head; nil when it can.
  package func ggufHead(isTied: Bool) -> String? {
    switch family.gguf.head {
    case .tied where !isTied: "has no output head apart from the embedding"
    case .own where isTied: "has no output head that is the embedding"
    default: nil
    }
  }

  private func checkScale(_ refuse: (String) -> Failure) throws(Failure) {
    guard has(.queryScale) else { return }
    let divisor = layerCount == family.gguf.layersOfOtherScale ? width / headCount : headWidth
    guard attentionScale == 1 / Double(divisor).squareRoot() else {
      throw refuse("'query_pre_attn_scalar' is not \(divisor)")
    }
  }
}

extension RotaryScaling {
  fileprivate var ggufKind: GGUFArchitecture.Scaling? {
    switch self {
    case .none: nil
    case .linear: .linear
    case .dynamic: .dynamic
    case .llama3: .llama3
    case .yarn: .yarn
    case .longRoPE: .longrope
    }
  }

  /// Keys without the architecture's name. llama.cpp itself multiplies what yarn's factor implies.
  fileprivate var ggufMetadata: [(key: String, value: GGUFValue)] {
    func number(_ key: String, _ value: Double) -> (key: String, value: GGUFValue) { (".rope.scaling" + key, .float32(Float(value))) }
    func type(_ name: String) -> (key: String, value: GGUFValue) { (".rope.scaling.type", .string(name)) }
    func original(_ length: Int) -> (key: String, value: GGUFValue) {
      (".rope.scaling.original_context_length", .uint32(UInt32(length)))
    }
    switch self {
    case .none, .dynamic, .llama3: return []
    case .linear(let factor): return [type("linear"), number(".factor", factor)]
    case .yarn(let yarn):
      let implied = yarn.factor <= 1 ? 1 : 0.1 * log(yarn.factor) + 1
      return [
        type("yarn"), number(".factor", yarn.factor), original(yarn.originalContextLength),
        number(".attn_factor", yarn.attentionFactor / implied),
      ]
    case .longRoPE(let long):
      return [type("longrope"), original(long.originalContextLength), number(".attn_factor", long.attentionFactor)]
    }
  }
}
