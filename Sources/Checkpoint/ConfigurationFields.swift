import Failures
import JSON

/// The fields of config.json, by what they mean here. A model may say more than is computed: a field that nobody knows is
/// refused, for it may change the model's numbers.
enum ConfigurationFields {
  /// Fields that are read, each where its meaning is.
  private static let read: Set<String> = [
    "architectures", "attention_bias", "attention_multiplier", "attn_logit_softcapping", "bos_token_id",
    "embedding_multiplier", "eos_token_id", "final_logit_softcapping", "head_dim", "hidden_size", "intermediate_size",
    "layer_types", "logits_scaling", "max_position_embeddings", "max_window_layers", "mlp_bias", "model_type",
    "no_rope_layer_interval", "no_rope_layers", "num_attention_heads", "num_hidden_layers", "num_key_value_heads",
    "original_max_position_embeddings", "pad_token_id", "partial_rotary_factor", "quantization_config",
    "query_pre_attn_scalar", "residual_multiplier", "rms_norm_eps", "rope_local_base_freq", "rope_parameters",
    "rope_scaling", "rope_theta", "sliding_window", "sliding_window_pattern", "tie_word_embeddings",
    "use_sliding_window", "vocab_size",
  ]

  /// Fields that change what a model computes, each with the only value that we compute.
  private static let neutralValues: [(field: String, value: JSON)] = [
    ("pretraining_tp", 1), ("attention_dropout", 0), ("embd_pdrop", 0), ("resid_pdrop", 0),
    ("hidden_dropout", 0), ("is_encoder_decoder", false), ("add_cross_attention", false), ("logit_scale", 1),
    ("use_qk_norm", false), ("qk_norm", false), ("alibi", false), ("use_bidirectional_attention", false),
    ("is_causal", true), ("chunk_size_feed_forward", 0),
    ("full_attn_mod", 1), ("interpolate_factor", 1),  // of Phi-4-mini
  ]

  /// Fields that change nothing about the logits of a decoder: what transformers writes about files, types, training,
  /// generation and other heads, and what widespread tools leave behind.
  private static let harmless: Set<String> = [
    // What the file is, how it is loaded and how it runs.
    "attn_implementation", "auto_map", "cache_implementation", "dtype", "gradient_checkpointing", "is_decoder",
    "is_llama_config", "name_or_path", "onnx", "output_attentions", "output_hidden_states", "return_dict", "tokenizer_class",
    "torch_dtype", "torchscript", "transformers.js_config", "transformers_version", "unsloth_fixed", "unsloth_version",
    "use_bfloat16", "use_cache",
    // Training, and other heads than the one for language.
    "finetuning_task", "id2label", "initializer_range", "keys_to_ignore_at_inference", "label2id", "max_sequence_length",
    "num_labels", "output_router_logits", "problem_type", "router_aux_loss_coef", "seq_length", "task_specific_params",
    "tf_legacy_loss", "tie_encoder_decoder",
    // Tokens.
    "decoder_start_token_id", "prefix", "sep_token_id", "unk_token_id",
    // Generation, which transformers 4 wrote here too.
    "bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample", "early_stopping",
    "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty", "forced_bos_token_id", "forced_eos_token_id",
    "length_penalty", "max_length", "max_new_tokens", "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
    "num_return_sequences", "output_scores", "remove_invalid_values", "repetition_penalty", "return_dict_in_generate",
    "suppress_tokens", "temperature", "top_k", "top_p", "typical_p",
  ]

  /// Refuses what is not computed, by its field. Null, false and empty values ask for nothing; names that begin with an
  /// underscore are transformers' own notes.
  static func refuseUnsupported(_ config: JSONCursor, family: ModelFamily) throws(Failure) {
    let activation = JSON.string(family.activation.rawValue)
    let neutral = neutralValues + [("hidden_act", activation), ("hidden_activation", activation)]
    for (name, field) in try config.members() {
      if name == "hidden_act", let alias = field.value.stringValue, family.activationAliases.contains(alias) { continue }
      if field.value.isNull || read.contains(name) || harmless.contains(name) || name.hasPrefix("_") { continue }
      if let known = neutral.first(where: { $0.field == name }) {
        guard field.value == known.value else {
          throw field.failure("only \(known.value.text(indent: 0)) is supported, found \(field.value.text(indent: 0))")
        }
      } else if !field.value.asksForNothing {
        throw field.failure(
          "'\(name)' is not supported, and may change what the model computes",
          hint: "if it changes nothing, take it out of config.json")
      }
    }
  }
}

extension JSON {
  fileprivate var asksForNothing: Bool {
    switch self {
    case .null, .bool(false): true
    case .string(let text): text.isEmpty
    case .array(let elements): elements.isEmpty
    case .object(let object): object.isEmpty
    default: false
    }
  }
}
