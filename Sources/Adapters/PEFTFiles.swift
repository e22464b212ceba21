package import Checkpoint
package import Failures
import Glibc
import JSON
import Tensor

// An adapter as PEFT keeps it on disk: adapter_config.json and adapter_model.safetensors.

extension Adapter {
  package static let configurationFile = "adapter_config.json"
  package static let weightsFile = "adapter_model.safetensors"

  private static let nameA = "randlora_A"
  private static let nameB = "randlora_B"

  /// Reads an adapter directory that PEFT or this program wrote.
  ///
  /// RandLoRA's bases may lie once at the level of the model, once under each module (PEFT up to 0.21; all copies must
  /// agree), or be absent: then they are drawn anew. Stored ones that differ from those drawn are kept as `.stored`.
  /// - Parameters:
  ///   - modules: all linear layers of the model, its output head included.
  ///   - tensors: the model's own, of which `bias` and `modules_to_save` choose.
  /// - Throws: what is missing, left over, of a wrong shape or not finite, by the tensor's name.
  package init(
    directory: String, modules: [LinearModule], tensors: [(name: String, shape: [Int])] = []
  ) throws(Failure) {
    let path = "\(directory)/\(Self.configurationFile)"
    let root = try JSONDocument(try MappedFile(path).contents, source: path).cursor
    let configuration = try AdapterConfiguration(peft: root)
    let chosen = try Self.fitting(path) { () throws(Failure) in try configuration.select(from: modules) }
    let trained = try Self.fitting(path) { () throws(Failure) in
      try configuration.trainedTensors(from: tensors, adapted: chosen)
    }
    let layout = try Self.fitting(path) { () throws(Failure) in
      try AdapterLayout(configuration, modules: chosen, trained: trained)
    }
    let file = try SafeTensors("\(directory)/\(Self.weightsFile)")
    var known = Set<ByteString>()
    // Before any memory is taken for shapes that a damaged configuration asks for.
    for entry in layout.entries {
      known.insert(ByteString(entry.peftName))
      _ = try file.tensor(entry.peftName, shape: entry.shape)
    }
    let parameters = Tensor(layout.count)
    for entry in layout.entries {
      parameters.replace(from: entry.offset, with: try file.floats(entry.peftName, shape: entry.shape))
    }
    for copy in Self.frozenCopies(in: file) { known.insert(ByteString(copy.name)) }
    let stored = try Self.storedBases(file, layout: layout, known: &known)
    for name in file.names where !known.contains(ByteString(name)) {
      throw Failure(.badData, "\(file.path): the tensor '\(name)' belongs to no adapted module")
    }
    let generated = try Self.fitting(path) { () throws(Failure) in
      try Self.generatedBases(configuration, modules: chosen)
    }
    let isKept = stored.map { stored in generated.map { !stored.isIdentical(to: $0) } ?? false } ?? false
    if isKept, let flag = try root.optional("save_projection"), try !flag.bool() {
      throw flag.failure(
        "the bases in \(Self.weightsFile) are not those of projection_prng_key, and PEFT would ignore them",
        hint: "set save_projection to true if the stored bases are meant")
    }
    self.init(
      configuration: configuration, layout: layout, bases: isKept ? stored : generated,
      basesOrigin: generated == nil ? .absent : isKept ? .stored : .generated, parameters: parameters)
  }

  /// Weights of the model that PEFT puts beside an adapter and takes for the model's: that of an adapted output head, and
  /// embeddings, where they were resized or asked for (`save_embedding_layers`).
  private static func frozenCopies(in file: SafeTensors) -> [(name: String, tensor: StoredTensor, own: [String])] {
    let head = ["lm_head.weight", "model.embed_tokens.weight"]
    let known = [("lm_head.base_layer.weight", head), ("lm_head.weight", head), ("model.embed_tokens.weight", [head[1]])]
    return known.compactMap { name, own in
      let name = AdapterLayout.peftPrefix + name
      return file[name].map { (name, $0, own) }
    }
  }

  /// Checks that copies of the model's weights that came with an adapter are those of the model.
  package func checkFrozenCopies(directory: String, against weights: WeightFiles) throws(Failure) {
    let file = try SafeTensors("\(directory)/\(Self.weightsFile)")
    let trained = Set(layout.entries.map { ByteString($0.peftName) })
    for copy in Self.frozenCopies(in: file) where !trained.contains(ByteString(copy.name)) {
      guard let own = copy.own.lazy.compactMap({ weights[$0] }).first, !own.isIdentical(to: copy.tensor) else { continue }
      let (rows, vocabulary) = (copy.tensor.shape.first ?? 0, own.shape.first ?? 0)
      guard rows == vocabulary else {
        throw Failure(
          .badData,
          "\(file.path): the tensor '\(copy.name)' has \(rows) rows, where the base has a vocabulary of \(vocabulary)",
          hint: "the adapter was made after the embeddings were resized: save that model and import it as the base")
      }
      throw Failure(
        .badData, "\(file.path): the tensor '\(copy.name)' is not the weight that the base has",
        hint: "the adapter was made for another base, or this was trained beside it: merge it in PEFT and import the model")
    }
  }

  /// What fails here is not the user's choice, as it is for a new adapter, but what a file says.
  private static func fitting<T>(_ path: String, _ body: () throws(Failure) -> T) throws(Failure) -> T {
    do throws(Failure) {
      return try body()
    } catch {
      throw Failure(
        .badData, "\(path): the adapter does not fit the model: \(error.message)", hint: error.hint)
    }
  }

  /// The bases that a file holds, or nil. Adds the names of all copies to `known`.
  private static func storedBases(
    _ file: SafeTensors, layout: AdapterLayout, known: inout Set<ByteString>
  ) throws(Failure) -> Bases? {
    guard layout.method == .randlora else { return nil }
    let shape = BasesShape(modules: layout.modules, rank: layout.rank)
    let places = ["base_model."] + layout.modules.map { "\(AdapterLayout.peftPrefix)\($0.name)." }
    func only(_ basis: String, shape: [Int]) throws(Failure) -> StoredTensor? {
      var first: (name: String, tensor: StoredTensor)?
      for name in places.map({ $0 + basis }) {
        guard let copy = file[name] else { continue }
        known.insert(ByteString(name))
        if let first, copy.shape != shape || !copy.isIdentical(to: first.tensor) {
          throw Failure(
            .badData, "\(file.path): the tensors '\(first.name)' and '\(name)' should be equal and are not")
        }
        first = first ?? (name, copy)
      }
      guard let first else { return nil }
      return try file.finite(first.name, shape: shape)
    }
    switch (try only(nameA, shape: shape.peftShapeA), try only(nameB, shape: shape.peftShapeB)) {
    case (nil, nil): return nil
    case (let a?, let b?):
      let used = b.floats(first: shape.usedCount * shape.rank, ofEvery: shape.count * shape.rank)
      return Bases(
        a: Tensor(a.floats().array, shape: [shape.rank, shape.minDim]),
        b: used.reshaped([shape.maxDim, shape.usedCount, shape.rank]))
    case (let a, _):
      throw Failure(
        .badData, "\(file.path): \(a == nil ? nameA : nameB) is missing, but the other basis is stored")
    }
  }
}

// MARK: - Writing

extension Adapter {
  /// Writes the two files; PEFT loads them and gives the same logits. The bases are written once, as bfloat16 where
  /// that loses nothing.
  /// - Parameters:
  ///   - baseModel: the base model's id on the Hub; never a local path.
  ///   - revision: the revision of that model.
  ///   - saveProjection: whether to write RandLoRA's bases. Without them PEFT draws its own, which depend on its torch.
  ///   - locate: where to write a file of that name.
  package func write(
    baseModel: String?, revision: String?, saveProjection: Bool, locate: (String) throws(Failure) -> String
  ) throws(Failure) {
    let stored = saveProjection ? bases : nil
    let json = configuration.peftJSON(baseModel: baseModel, revision: revision, saveProjection: stored != nil)
    try OutputFile.write(json.text(), to: try locate(Self.configurationFile))
    var tensors: [(name: String, tensor: TensorSource)] = layout.entries.map {
      ($0.peftName, .floats(layout.tensor($0, in: parameters)))
    }
    if let stored = stored.map(wholeForPEFT) {  // after the wider parameters, so that every tensor is aligned
      let dtype = stored.fitBFloat16 ? DType.bf16 : .f32
      let a = Tensor(stored.a.array, shape: [stored.a.shape[0], 1, stored.a.shape[1]])
      tensors.append(("base_model.\(Self.nameA)", .floats(a, as: dtype)))
      tensors.append(("base_model.\(Self.nameB)", .floats(stored.b, as: dtype)))
    }
    try SafeTensors.write(tensors, to: try locate(Self.weightsFile))
  }

  /// The bases in PEFT's shapes, those included that no module uses: drawn again, or zeros where a file once held others.
  private func wholeForPEFT(_ used: Bases) -> Bases {
    let shape = BasesShape(modules: layout.modules, rank: layout.rank)
    guard shape.usedCount < shape.count else { return used }
    guard basesOrigin == .stored else {
      return Bases(
        shape: shape, sparsity: configuration.sparsity, key: configuration.projectionPRNGKey, kept: shape.count)
    }
    let padding = Tensor(shape.maxDim, (shape.count - shape.usedCount) * shape.rank)
    let rows = used.b.reshaped([shape.maxDim, shape.usedCount * shape.rank])
    return Bases(a: used.a, b: Tensor(columns: [rows, padding]).reshaped(shape.peftShapeB))
  }
}

extension SafeTensors {
  /// A tensor's values as float32; they must be finite.
  func floats(_ name: String, shape: [Int]) throws(Failure) -> Tensor { try finite(name, shape: shape).floats() }

  /// A tensor of a weight's type whose values are finite.
  func finite(_ name: String, shape: [Int]) throws(Failure) -> StoredTensor {
    let stored = try tensor(name, shape: shape)
    guard stored.dtype.isWeight else {
      throw Failure(
        .badData,
        "\(path): the tensor '\(name)' has element type \(stored.dtype.rawValue), expected F32, F16 or BF16")
    }
    if let position = stored.firstNonFinite {
      throw Failure(.badData, "\(path): the tensor '\(name)' is not finite at element \(position)")
    }
    return stored
  }
}

extension StoredTensor {
  /// Whether both hold the same values: the same bytes, or, in different types, equal floats.
  fileprivate func isIdentical(to other: StoredTensor) -> Bool {
    guard shape == other.shape else { return false }
    guard dtype == other.dtype else {
      return dtype.isWeight && other.dtype.isWeight && floats().array == other.floats().array
    }
    return unsafe memcmp(bytes, other.bytes, byteCount) == 0
  }
}
