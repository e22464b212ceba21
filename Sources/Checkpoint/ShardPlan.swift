package import JSON

/// Which tensor goes into which file of a model: one file, or shards of limited size with an index, as transformers
/// writes them.
package struct ShardPlan: Sendable {
  /// The tensors of each file, in order.
  package let shards: [[TensorDescription]]

  /// - Parameters:
  ///   - tensors: what the model consists of; their sizes must not overflow.
  ///   - limit: the most bytes of tensors in a file; a larger tensor has one of its own.
  package init(_ tensors: [TensorDescription], limit: Int) {
    self.init(groups: tensors.map { [$0] }, limit: limit)
  }

  /// - Parameter groups: tensors that belong into one file together.
  package init(groups: [[TensorDescription]], limit: Int) {
    var shards: [[TensorDescription]] = [[]]
    var bytes = 0
    for group in groups {
      let size = group.reduce(0) { $0 + ($1.byteCount ?? .max) }
      if bytes > 0, size > limit - bytes {
        shards.append([])
        bytes = 0
      }
      shards[shards.count - 1] += group
      bytes += size
    }
    self.shards = shards
  }

  /// The same files with the tensors of each in the order of `place`, from 0 to 2, and otherwise as they were.
  func ordered(by place: (TensorDescription) -> Int) -> ShardPlan {
    ShardPlan(shards: shards.map { shard in (0...2).flatMap { wanted in shard.filter { place($0) == wanted } } })
  }

  private init(shards: [[TensorDescription]]) { self.shards = shards }

  /// The name of a file: `model.safetensors`, or `model-00001-of-00003.safetensors`.
  package func name(of shard: Int) -> String {
    func padded(_ number: Int) -> String {
      String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)"
    }
    return shards.count == 1
      ? WeightFiles.singleFile : "model-\(padded(shard + 1))-of-\(padded(shards.count)).safetensors"
  }

  /// The content of `model.safetensors.index.json`; nil when there is only one file.
  package var index: JSON? {
    guard shards.count > 1 else { return nil }
    var names: [(tensor: String, file: String)] = []
    for (number, shard) in shards.enumerated() { names += shard.map { ($0.name, name(of: number)) } }
    var map = JSONObject()
    for (tensor, file) in names.sorted(by: { $0.tensor.utf8.lexicographicallyPrecedes($1.tensor.utf8) }) {
      map[tensor] = .string(file)
    }
    let bytes = shards.joined().reduce(0) { $0 + ($1.byteCount ?? 0) }
    return ["metadata": ["total_size": .integer(bytes)], "weight_map": .object(map)]
  }

  /// Reads a size as transformers' `max_shard_size` has it: "5GB", "200MB", "1.5GiB" or a number of bytes.
  ///
  /// - Returns: bytes, at least 1; nil when the text is no size.
  package static func bytes(_ text: String) -> Int? {
    let units: [(suffix: String, factor: Double)] = [
      ("KIB", 1024), ("MIB", 1_048_576), ("GIB", 1_073_741_824), ("TIB", 1_099_511_627_776),
      ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1), ("", 1),
    ]
    let upper = text.uppercased().filter { $0 != " " }
    guard let unit = units.first(where: { upper.hasSuffix($0.suffix) }),
      let value = Double(upper.dropLast(unit.suffix.count)), value.isFinite
    else { return nil }
    let bytes = value * unit.factor
    return bytes >= 1 && bytes < 9e15 ? Int(bytes) : nil
  }
}
