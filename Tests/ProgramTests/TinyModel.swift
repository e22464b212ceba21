import Checkpoint
import Foundation
import JSON
import Tensor
import TestSupport

/// A random Llama of a few hundred weights, as a Hugging Face directory, with a tokenizer of the 256 bytes.
enum TinyModel {
  static let vocabularySize = 259
  static let parameterCount = 259 * 8 + 8 + 2 * (2 * 8 + 2 * 64 + 2 * 32 + 3 * 8 * 12)

  static var configuration: JSON {
    [
      "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": .integer(vocabularySize),
      "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 4,
      "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "hidden_act": "silu",
      "tie_word_embeddings": true, "bos_token_id": 256, "eos_token_id": 257, "pad_token_id": 258,
      "dtype": "float32",
    ]
  }

  /// Writes the model into a sandbox.
  ///
  /// - Parameters:
  ///   - name: the directory's name.
  ///   - seed: other seeds make other weights.
  ///   - dtype: the type of the weights.
  ///   - edit: changes the weights before they are written.
  static func write(
    in sandbox: Sandbox, as name: String = "model", seed: UInt64 = 1, dtype: DType = .f32,
    edit: (inout [(name: String, tensor: Tensor)]) -> Void = { _ in }
  ) throws {
    try FileManager.default.createDirectory(atPath: sandbox.path(name), withIntermediateDirectories: true)
    try sandbox.write(configuration.text(), to: name + "/config.json")
    try sandbox.write(tokenizer.text(), to: name + "/tokenizer.json")
    try sandbox.write(tokenizerConfiguration.text(), to: name + "/tokenizer_config.json")
    var weights = try weights(seed: seed)
    edit(&weights)
    try SafeTensors.write(
      weights.map { ($0.name, .floats($0.tensor, as: dtype)) }, to: sandbox.path(name + "/model.safetensors"))
  }

  private static func weights(seed: UInt64) throws -> [(name: String, tensor: Tensor)] {
    var state = seed
    let configuration = try ModelConfiguration(
      try JSONDocument(configuration.text(), source: "config.json").cursor)
    return configuration.weightShapes.map { name, shape in
      let values = (0..<shape.reduce(1, *)).map { _ -> Float in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let uniform = Float(state >> 40) / Float(1 << 24) - 0.5
        return name.contains("norm") ? 1 + uniform / 10 : uniform
      }
      return (name, Tensor(values, shape: shape))
    }
  }

  /// Byte-level BPE without merges: every byte is a token.
  static var tokenizer: JSON {
    var vocabulary = JSONObject()
    for byte in 0..<256 { vocabulary[String(byteLevel(UInt8(byte)))] = .integer(byte) }
    let special = ["<s>", "</s>", "<pad>"].enumerated().map { index, content -> JSON in
      [
        "id": .integer(256 + index), "content": .string(content), "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true,
      ]
    }
    return [
      "version": "1.0", "truncation": nil, "padding": nil, "added_tokens": .array(special), "normalizer": nil,
      "pre_tokenizer": [
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
      ],
      "post_processor": nil,
      "decoder": ["type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true],
      "model": [
        "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil,
        "end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
        "vocab": .object(vocabulary), "merges": [],
      ],
    ]
  }

  static var tokenizerConfiguration: JSON {
    [
      "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "add_bos_token": true,
      "clean_up_tokenization_spaces": false, "model_max_length": 64,
      "tokenizer_class": "PreTrainedTokenizerFast",
    ]
  }

  /// GPT-2's printable stand-ins for bytes.
  private static func byteLevel(_ byte: UInt8) -> Unicode.Scalar {
    let isPrintable = (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174
    if isPrintable { return Unicode.Scalar(byte) }
    let before = (0..<byte).count { !((33...126).contains($0) || (161...172).contains($0) || $0 >= 174) }
    return Unicode.Scalar(UInt32(256 + before)) ?? " "
  }
}
