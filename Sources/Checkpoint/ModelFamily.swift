/// A family of decoder models as a description: what transformers takes for fields that a config.json leaves out, and
/// what the family's layers have that others have not. One forward and one backward pass serve all descriptions.
///
/// Each family's table is a file in `Families`; to add one, write its table and name it in `all`.
package struct ModelFamily: Sendable, Equatable {
  /// The families that we compute.
  package static let all: [ModelFamily] = [llama, mistral, qwen2, qwen3, phi3]

  /// Which layers attend to a window of the latest positions only.
  enum Windows: Sendable, Equatable {
    /// None; `sliding_window` must be absent or null.
    case none
    /// All, when `sliding_window` is not null; an absent field means the default.
    case everyLayer(default: Int?)
    /// Those that `layer_types` names or those from `max_window_layers` on, and only with `use_sliding_window`.
    case onRequest(default: Int)
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

  var windows = Windows.none
  /// Whether queries, keys and values always have a bias.
  var hasQueryKeyValueBias = false
  /// The fields that give the family's linear layers biases, of `attention_bias` and `mlp_bias`.
  var biasFields: [String] = []
  /// What the linear layers of a layer are called.
  package var modules = LayerModules()
  /// What the norms of a layer are called.
  package var norms = LayerNorms()
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
  package var attentionInput = "input_layernorm"
  /// Of each head's queries before they are rotated, (d).
  package var query: String?
  /// Of each head's keys before they are rotated, (d).
  package var key: String?
  /// Of what the feed-forward block reads, (D).
  package var feedForwardInput = "post_attention_layernorm"
}
