import Checkpoint
import Failures
import JSON
import TestSupport
import Testing

private func configuration(
  _ scaling: JSON, type: String = "llama", _ changes: [(String, JSON)] = []
) throws -> ModelConfiguration {
  var object: JSONObject = [
    "model_type": .string(type), "vocab_size": 100, "hidden_size": 16, "intermediate_size": 32,
    "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 4096, "rope_scaling": scaling,
  ]
  for (key, value) in changes { object[key] = value }
  return try ModelConfiguration(try JSONDocument(JSON.object(object).text(), source: "config.json").cursor)
}

private func scaling(_ json: JSON, type: String = "llama", _ changes: [(String, JSON)] = []) throws -> RotaryScaling {
  try #require(configuration(json, type: type, changes).rotaries[0]).scaling
}

private func message(_ json: JSON, _ location: SourceLocation = #_sourceLocation) -> String {
  failure({ _ = try configuration(json) }, sourceLocation: location).message
}

@Test func readsDynamicScaling() throws {
  #expect(try scaling(["type": "dynamic", "factor": 4]) == .dynamic(factor: 4, contextLength: 4096))
  #expect(message(["type": "dynamic", "factor": 0.5]).contains("/factor: 0.5 is less than 1"))
  #expect(message(["type": "dynamic"]).contains("'factor' is missing"))
}

@Test func readsYaRN() throws {
  guard case .yarn(let yarn) = try scaling(["type": "yarn", "factor": 4]) else { return #expect(Bool(false)) }
  #expect((yarn.betaFast, yarn.betaSlow, yarn.originalContextLength, yarn.truncates) == (32, 1, 4096, true))
  #expect(abs(yarn.attentionFactor - 1.13863) < 1e-5)  // 0.1 · ln 4 + 1
  let full: JSON = [
    "rope_type": "yarn", "factor": 4, "beta_fast": 8, "beta_slow": 2, "truncate": false, "attention_factor": 1.5,
    "original_max_position_embeddings": 1024,
  ]
  guard case .yarn(let given) = try scaling(full) else { return #expect(Bool(false)) }
  #expect((given.betaFast, given.betaSlow, given.originalContextLength, given.truncates) == (8, 2, 1024, false))
  #expect(given.attentionFactor == 1.5)
  #expect(message(["type": "yarn", "factor": 4, "gamma": 1]).contains("unknown field 'gamma'"))
  #expect(message(["type": "yarn", "factor": 4, "rope_theta": 1]).contains("yarn needs a rope_theta above 1"))
  #expect(
    message(["type": "yarn", "factor": 4, "mscale": -9, "mscale_all_dim": 1]).contains("/mscale: mscale and mscale_all"))
}

@Test func readsLongRoPE() throws {
  let json: JSON = ["type": "su", "short_factor": [1, 1, 1, 2], "long_factor": [1, 2, 3, 4]]
  guard case .longRoPE(let long) = try scaling(json, type: "phi3", [("original_max_position_embeddings", 64)]) else {
    return #expect(Bool(false))
  }
  #expect((long.shortFactors, long.longFactors, long.originalContextLength) == ([1, 1, 1, 2], [1, 2, 3, 4], 64))
  #expect(abs(long.attentionFactor - 1.41421) < 1e-5)  // sqrt(1 + ln(4096 / 64) / ln 64)
  #expect(message(json).contains("/rope_scaling/type: the rope type 'su' is not supported"))
  let short: JSON = ["type": "longrope", "short_factor": [1], "long_factor": [1, 2, 3, 4]]
  #expect(message(short).contains("/short_factor: 1 factors for 4 rotated pairs"))
  let negative: JSON = ["type": "longrope", "short_factor": [1, 1, 1, 1], "long_factor": [1, 2, -3, 4]]
  #expect(message(negative).contains("/long_factor/2: -3.0 is not greater than zero"))
}
