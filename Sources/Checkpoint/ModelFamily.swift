/// A family of decoder models as a description: what transformers takes for fields that a config.json leaves out, and
/// what the family's layers have that others have not. One forward and one backward pass serve all descriptions.
///
/// Each family's table is a file in `Families`; to add one, write its table and name it in `all`.
package struct ModelFamily: Sendable, Equatable {
  /// The families that we compute.
  package static let all: [ModelFamily] = [
    llama, mistral, qwen2, qwen3, phi3, gemma, gemma2, gemma3, smolLM3, granite, olmo2,
  ]

  /// Which layers attend to a window of the latest positions only.
  enum Windows: Sendable, Equatable {
    /// None; `sliding_window` must be absent or null.
    case none
    /// All, when `sliding_window` is not null; an absent field means the default.
    case everyLayer(default: Int?)
    /// Those that `layer_types` names or those from `max_window_layers` on, and only with `use_sliding_window`.
    case onRequest(default: Int)
    /// Those that `layer_types` names or those without rotation, and only with `use_sliding_window`.
    case unrotatedLayersOnRequest
    /// Those that `layer_types` names or all but each `sliding_window_pattern`-th.
    case alternating(pattern: Int, default: Int)
  }

  /// The special tokens of a config.json that does not name them; a null field always means none.
  struct Tokens: Sendable, Equatable {
    var bos: Int?
    var eos: Int?
    var pad: Int?
  }

  /// `model_type` of config.json.
  package let modelType: String
  /// The class under `architectures` whose weights we read.
  package let architecture: String

  /// `max_position_embeddings`
  let contextLength: Int
  /// `num_key_value_heads` when the field is absent; nil means as many as query heads, as does a null field.
  var keyValueHeadCount: Int?
  /// `head_dim` when the field is absent; nil means `hidden_size / num_attention_heads`, as does a null field.
  var headWidth: Int?
  /// `rms_norm_eps`
  var normEpsilon = 1e-6
  var tokens = Tokens()

  /// `tie_word_embeddings`
  var tiesEmbeddings = false

  var windows = Windows.none
  /// How positions are told.
  var rotation = Rotation()
  /// The numbers of config.json that this family reads and others must not have.
  var scalars: [FamilyScalar] = []
  /// Whether queries, keys and values always have a bias.
  var hasQueryKeyValueBias = false
  /// The fields that give the family's linear layers biases, of `attention_bias` and `mlp_bias`.
  var biasFields: [String] = []
  /// Of the feed-forward block.
  package var activation = Activation.silu
  /// Other names that released models give it under `hidden_act`.
  var activationAliases: [String] = []
  /// Whether embeddings are multiplied with sqrt(D), rounded to the type of their weights.
  package var scalesEmbeddings = false
  /// What the linear layers of a layer are called.
  package var modules = LayerModules()
  /// What the norms of a layer are called.
  package var norms = LayerNorms()
  /// What llama.cpp makes of the family.
  package let gguf: GGUFArchitecture
}

/// The linear layers of a decoder layer, by the names of their modules.
package struct LayerModules: Sendable, Equatable {
  /// q, k and v: a module each, or one that yields all three side by side.
  package var queryKeyValue = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]
  package var attentionOutput = "self_attn.o_proj"
  /// gate and up: a module each, or one that yields both side by side.
  package var gateUp = ["mlp.gate_proj", "mlp.up_proj"]
  package var down = "mlp.down_proj"
}

/// The norms of a decoder layer, by the names of their modules; one that a family does not have is nil.
package struct LayerNorms: Sendable, Equatable {
  /// Of what attention reads, (D).
  package var attentionInput: String? = "input_layernorm"
  /// Of queries before they are rotated.
  package var query: String?
  /// Of keys before they are rotated.
  package var key: String?
  /// Whether queries and keys are normalised head by head, (d), or all heads at once, (H·d) and (K·d).
  package var areHeadwise = true
  /// Of what attention returned, before it is added to the residual stream, (D).
  package var attentionOutput: String?
  /// Of what the feed-forward block reads, (D).
  package var feedForwardInput: String? = "post_attention_layernorm"
  /// Of what the feed-forward block returned, before it is added to the residual stream, (D).
  package var feedForwardOutput: String?
  /// Whether the weights say how much a norm's factors differ from one.
  package var addsOne = false
}

extension ModelFamily {
  /// The activation of the feed-forward block, by its name under `hidden_act` or `hidden_activation`.
  package enum Activation: String, Sendable {
    case silu
    case geluTanh = "gelu_pytorch_tanh"
  }

  /// What a family does about positions, beyond the parameters that any config.json may have.
  struct Rotation: Sendable, Equatable {
    /// `rope_theta`
    var theta = 10_000.0
    /// `rope_local_base_freq`: of the layers with a window, which are rotated by frequencies of their own; nil when they are not.
    var localTheta: Double?
    /// Whether `partial_rotary_factor` may leave a part of each head as it is.
    var mayBePartial = false
    /// Old names of rope types.
    var typeAliases: [String: String] = [:]
    /// `no_rope_layer_interval`: each so many layers one is not rotated, unless `no_rope_layers` says; nil: all are.
    var unrotatedInterval: Int?
  }
}

/// A number of config.json that only some families have.
struct FamilyScalar: Sendable, Equatable {
  enum Name: String, CaseIterable {
    /// Scores are divided by its square root.
    case queryScale = "query_pre_attn_scalar"
    /// Scores are multiplied with it.
    case attentionMultiplier = "attention_multiplier"
    case attentionSoftCap = "attn_logit_softcapping"
    case logitSoftCap = "final_logit_softcapping"
    case embeddingMultiplier = "embedding_multiplier"
    /// What each half of a layer adds to the residual stream is multiplied with it.
    case residualMultiplier = "residual_multiplier"
    /// Logits are divided by it.
    case logitDivisor = "logits_scaling"
  }

  let name: Name
  /// What transformers takes for it when the field is absent; nil: it has no effect then.
  let absent: Double?

  init(_ name: Name, absent: Double?) {
    self.name = name
    self.absent = absent
  }
}
