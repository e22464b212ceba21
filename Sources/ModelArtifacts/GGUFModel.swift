package import Artifacts
package import Checkpoint
import ChatTemplates
package import Failures
package import JSON
import Tensor
import Tokenizer

/// A merged model as one GGUF file with its tokenizer, as llama.cpp reads it.
///
/// Matrices are of the type asked for, norms and biases float32, as convert_hf_to_gguf.py writes them. One tensor is in memory
/// at a time.
package struct GGUFModel {
  /// The file in the artifact.
  package static let file = "model.gguf"

  private var model: MergedModel
  private let type: GGUFTensorType
  private let metadata: [(key: String, value: GGUFValue)]
  private let factors: [(name: String, values: [Float])]
  /// The model's tensors with their places in the file, in order.
  private let tensors: [(source: TensorDescription, entry: GGUFTensorMap.Entry, target: GGUFTensor)]

  /// - Parameter model: merged in float32.
  /// - Throws: `Failure.badData` naming what llama.cpp does not know or compute, or rows that q8_0 has no blocks for;
  ///   `Failure.missingInput` without a tokenizer.
  package init(_ model: MergedModel, type: GGUFTensorType) throws(Failure) {
    let configuration = model.source.configuration
    self.model = model
    self.type = type
    metadata =
      [("general.architecture", .string(configuration.family.gguf.name))] + (try Self.general(type, of: model.source))
      + (try configuration.ggufMetadata()) + (try Self.tokenizer(of: model.source))
    factors = configuration.ggufRotaryFactors
    let map = GGUFTensorMap(configuration)
    var tensors: [(source: TensorDescription, entry: GGUFTensorMap.Entry, target: GGUFTensor)] = []
    for source in model.tensors {
      guard let entry = map[source.name] else {
        throw Failure(.internal, "the tensor '\(source.name)' has no name in a GGUF file")
      }
      let target = GGUFTensor(name: entry.name, type: source.shape.count == 1 ? .f32 : type, shape: source.shape)
      guard let columns = source.shape.last, columns % target.type.blockLength == 0 else {
        throw Failure(
          .badData,
          "the tensor '\(source.name)' has rows of \(source.shape.last ?? 0) values, and q8_0 needs whole blocks of \(type.blockLength)",
          hint: "choose another --outtype")
      }
      tensors.append((source, entry, target))
    }
    self.tensors = tensors
    try checkHead()
  }

  private func checkHead() throws(Failure) {
    guard let wanted = model.source.configuration.ggufHead(isTied: !tensors.contains { $0.target.name == "output.weight" })
    else { return }
    throw Failure(
      .badData, "llama.cpp's \(model.source.configuration.family.gguf.name) \(wanted)", hint: "merge with --format safetensors")
  }

  /// The bytes of weights that `write` writes.
  package var byteCount: Int { tensors.reduce(0) { $0 + $1.target.byteCount } }

  /// What llama.cpp computes otherwise than the model; nil when nothing is.
  package var limitation: String? { model.source.configuration.ggufLimitation }

  /// Writes the file.
  /// - Parameter progress: called with the bytes of each piece that has been written; may stop the work by throwing.
  /// - Throws: `Failure.badData` naming the tensor when a value is not finite in the type to write.
  package mutating func write(into writer: ArtifactWriter, progress: (Int) throws(Failure) -> Void) throws(Failure) {
    let extras = factors.map { GGUFTensor(name: $0.name, type: .f32, shape: [$0.values.count]) }
    let file = try GGUFWriter(
      try writer.path(for: Self.file), metadata: metadata, tensors: extras + tensors.map(\.target))
    for (_, values) in factors { try file.append(Tensor(values, shape: [values.count]).bytes(as: .f32)) }
    for (source, entry, target) in tensors {
      let values = try model.merged(source)
      let (rows, columns) = source.shape.count == 1 ? (source.shape[0], 1) : (source.shape[0], source.shape[1])
      for start in stride(from: 0, to: rows, by: Self.rows(of: columns)) {
        let range = start..<min(start + Self.rows(of: columns), rows)
        guard let bytes = target.type.bytes(of: Self.piece(of: values, columns, range, entry)) else {
          throw Failure(
            .badData, "the merged tensor '\(source.name)' is not finite as \(target.type.rawValue)",
            hint: "choose --outtype bf16 or f32")
        }
        try file.append(bytes)
        try progress(bytes.count)
      }
    }
    file.finish()
  }

  /// Rows that are rounded at a time.
  private static func rows(of columns: Int) -> Int { max(1, (1 << 18) / columns) }

  /// Some rows as the file has them, (rows, columns).
  private static func piece(
    of values: StoredTensor, _ columns: Int, _ rows: Range<Int>, _ entry: GGUFTensorMap.Entry
  ) -> Tensor {
    let floats = unsafe values.bytes.assumingMemoryBound(to: Float.self)
    let piece = Tensor(rows.count, columns)
    for (index, row) in rows.enumerated() {
      unsafe (piece.pointer + index * columns).update(
        from: floats + entry.source(ofRow: row) * columns, count: columns)
    }
    if entry.addend != 0 { for index in 0..<piece.count { piece[index] += entry.addend } }
    return piece
  }

  /// The manifest's section, once all is written.
  package func section(checkpoints: [Digest]) throws(Failure) -> JSONObject {
    var section = try model.section(checkpoints: checkpoints)
    section["format"] = "gguf"
    section["dtype"] = .string(type.rawValue.uppercased())
    return section
  }
}

// MARK: - Metadata

extension GGUFModel {
  private typealias Metadata = [(key: String, value: GGUFValue)]

  private static func general(_ type: GGUFTensorType, of base: BaseModel) throws(Failure) -> Metadata {
    var metadata: Metadata = [
      ("general.type", .string("model")), ("general.file_type", .uint32(type.fileType)),
      ("general.quantization_version", .uint32(2)),
    ]
    if let id = try base.artifact.section.optional("base_model_id")?.string(), let slash = id.firstIndex(of: "/") {
      metadata += [
        ("general.base_model.count", .uint32(1)), ("general.base_model.0.name", .string(String(id[slash...].dropFirst()))),
        ("general.base_model.0.organization", .string(String(id[..<slash]))),
        ("general.base_model.0.repo_url", .string("https://huggingface.co/\(id)")),
      ]
    }
    return metadata
  }

  private static func tokenizer(of base: BaseModel) throws(Failure) -> Metadata {
    let tokenizer = try base.tokenizer()
    let vocabulary = try GGUFVocabulary(
      tokenizerFile: try base.artifact.path(of: "tokenizer.json"), count: base.configuration.vocabularySize)
    var metadata: Metadata = [
      ("tokenizer.ggml.model", .string(vocabulary.model)), ("tokenizer.ggml.pre", .string(vocabulary.preTokenizer)),
      ("tokenizer.ggml.tokens", .strings(vocabulary.tokens)),
      ("tokenizer.ggml.token_type", .int32s(vocabulary.types.map(\.rawValue))),
    ]
    if let adds = vocabulary.addsSpacePrefix {
      metadata += [
        ("tokenizer.ggml.scores", .float32s(vocabulary.scores)), ("tokenizer.ggml.add_space_prefix", .bool(adds)),
      ]
    } else {
      metadata.append(("tokenizer.ggml.merges", .strings(vocabulary.merges)))
    }
    metadata += try specialTokens(base, tokenizer, unknown: vocabulary.unknownID)
    guard let templates = try base.chatTemplates() else { return metadata }
    let standard = templates.template(hasTools: false).source
    metadata.append(("tokenizer.chat_template", .string(standard)))
    let tools = templates.template(hasTools: true).source
    if tools != standard {
      metadata += [
        ("tokenizer.chat_templates", .strings([Array("tool_use".utf8)])),
        ("tokenizer.chat_template.tool_use", .string(tools)),
      ]
    }
    return metadata
  }

  /// The ids of special tokens, and which of them are put around a text.
  private static func specialTokens(_ base: BaseModel, _ tokenizer: Tokenizer, unknown: Int32?) throws(Failure) -> Metadata {
    let configuration = base.configuration
    let bos = tokenizer.bosID ?? configuration.bosID.map { Int32($0) }
    let eos = tokenizer.eosID ?? configuration.eosIDs.first.map { Int32($0) }
    let pad = tokenizer.padID ?? configuration.padID.map { Int32($0) }
    for (ids, token, place) in [(tokenizer.prefixIDs, bos, "before"), (tokenizer.suffixIDs, eos, "after")] {
      guard ids.isEmpty || ids == [token] else {
        throw Failure(
          .badData, "the tokenizer puts the tokens \(ids) \(place) a text, and llama.cpp puts only BOS or EOS there",
          hint: "merge with --format safetensors")
      }
    }
    let ids = [("bos", bos), ("eos", eos), ("unknown", unknown), ("padding", pad)]
    return ids.compactMap { name, id in id.map { ("tokenizer.ggml.\(name)_token_id", .uint32(UInt32($0))) } } + [
      ("tokenizer.ggml.add_bos_token", .bool(!tokenizer.prefixIDs.isEmpty)),
      ("tokenizer.ggml.add_eos_token", .bool(!tokenizer.suffixIDs.isEmpty)),
    ]
  }
}
