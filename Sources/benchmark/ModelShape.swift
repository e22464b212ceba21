import ArgumentParser
import Checkpoint
import Failures
import JSON
import Tensor

/// Models whose shapes are measured, with random weights in place of their own.
enum ModelShape: String, CaseIterable, ExpressibleByArgument {
  /// To try the benchmark itself.
  case tiny
  case smolLM2_135M = "smollm2-135m"
  case smolLM2_360M = "smollm2-360m"
  case tinyLlama_1_1B = "tinyllama-1.1b"
  case llama3_2_1B = "llama-3.2-1b"
  case llama3_8B = "llama-3-8b"

  /// Their config.json, as far as it decides shapes.
  func configuration(quantized scheme: QuantizationScheme? = nil) throws(Failure) -> ModelConfiguration {
    let (width, layers, heads, keyValueHeads, feedForward, vocabulary, isTied) = sizes
    let quantization = scheme.map { QuantizationConfiguration.json($0, skipping: ["lm_head"]) } ?? .null
    return try ModelConfiguration(
      JSONDocument(
        """
        {"model_type": "llama", "hidden_size": \(width), "num_hidden_layers": \(layers),
         "num_attention_heads": \(heads), "num_key_value_heads": \(keyValueHeads),
         "intermediate_size": \(feedForward), "vocab_size": \(vocabulary),
         "tie_word_embeddings": \(isTied), "max_position_embeddings": 8192,
         "quantization_config": \(quantization.text(indent: 0))}
        """, source: rawValue
      ).cursor)
  }

  // D, layers, H, K, F, V, tied
  private var sizes: (Int, Int, Int, Int, Int, Int, Bool) {
    switch self {
    case .tiny: (64, 2, 4, 2, 128, 512, true)
    case .smolLM2_135M: (576, 30, 9, 3, 1536, 49_152, true)
    case .smolLM2_360M: (960, 32, 15, 5, 2560, 49_152, true)
    case .tinyLlama_1_1B: (2048, 22, 32, 4, 5632, 32_000, false)
    case .llama3_2_1B: (2048, 16, 32, 8, 8192, 128_256, true)
    case .llama3_8B: (4096, 32, 32, 8, 14_336, 128_256, false)
    }
  }
}
