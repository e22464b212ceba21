/// A family of decoder models, spelled as `model_type` of config.json spells it, with the values that transformers
/// takes for fields which a config.json leaves out.
package enum ModelFamily: String, Sendable, CaseIterable {
  case llama, mistral, qwen2

  /// The class under `architectures` whose weights we read.
  package var architecture: String {
    switch self {
    case .llama: "LlamaForCausalLM"
    case .mistral: "MistralForCausalLM"
    case .qwen2: "Qwen2ForCausalLM"
    }
  }

  var defaultContextLength: Int {
    switch self {
    case .llama: 2048
    case .mistral: 131_072
    case .qwen2: 32_768
    }
  }

  /// `num_key_value_heads` when the field is absent; nil means as many as query heads, as does a null field.
  var defaultKeyValueHeads: Int? {
    switch self {
    case .llama: nil
    case .mistral: 8
    case .qwen2: 32
    }
  }

  /// Special tokens when the fields are absent; a null field means none.
  var defaultSpecialTokens: (bos: Int?, eos: Int?) {
    switch self {
    case .llama, .mistral: (1, 2)
    case .qwen2: (nil, nil)
    }
  }

  /// The window of every windowed layer when `sliding_window` is absent.
  var defaultSlidingWindow: Int? {
    switch self {
    case .llama: nil
    case .mistral, .qwen2: 4096
    }
  }

  var defaultTiesEmbeddings: Bool {
    switch self {
    case .llama, .mistral, .qwen2: false
    }
  }
}
