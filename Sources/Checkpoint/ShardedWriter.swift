package import Failures
import JSON
package import Tensor

/// Writes a model's weights as one file or as shards with an index, named and laid out as transformers does.
package final class ShardedWriter {
  private let shards: [(file: String, tensors: [TensorDescription])]
  private let locate: (String) throws(Failure) -> String
  private var shard = 0
  private var written = 0
  private var writer: SafeTensorsWriter?

  /// - Parameters:
  ///   - tensors: what will be appended, in this order.
  ///   - maximumShardBytes: no shard's tensors take more, but for one that is larger alone.
  ///   - locate: where to write a file of that name.
  package init(
    tensors: [TensorDescription], maximumShardBytes: Int, locate: @escaping (String) throws(Failure) -> String
  ) {
    var groups: [[TensorDescription]] = []
    var room = 0
    for tensor in tensors {
      let bytes = tensor.byteCount ?? 0
      if groups.isEmpty || bytes > room {
        groups.append([])
        room = maximumShardBytes
      }
      groups[groups.count - 1].append(tensor)
      room -= bytes
    }
    shards = groups.enumerated().map { (Self.name(of: $0, among: groups.count), $1) }
    self.locate = locate
  }

  /// The files that are written, the index not counted.
  package var files: [String] { shards.map(\.file) }

  /// Appends the next tensor as it is stored.
  package func append(_ tensor: StoredTensor) throws(Failure) {
    try current().append(tensor)
    try advance()
  }

  /// Appends the next tensor, declared as F32, F16 or BF16.
  package func append(_ tensor: Tensor) throws(Failure) {
    try current().append(tensor)
    try advance()
  }

  /// Writes the index when there is more than one shard. Every declared tensor must have been appended.
  package func finish() throws(Failure) {
    precondition(shard == shards.count, "declared tensors were not written")
    guard shards.count > 1 else { return }
    let entries = shards.flatMap { shard in shard.tensors.map { (name: $0.name, file: shard.file) } }
    var map = JSONObject()
    for (name, file) in entries.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
      map[name] = .string(file)
    }
    let bytes = shards.reduce(0) { $0 + $1.tensors.reduce(0) { $0 + ($1.byteCount ?? 0) } }
    let index: JSON = ["metadata": ["total_size": .integer(bytes)], "weight_map": .object(map)]
    try OutputFile.write(index.text() + "\n", to: try locate(WeightFiles.index))
  }

  private func current() throws(Failure) -> SafeTensorsWriter {
    precondition(shard < shards.count, "more tensors than were declared")
    if let writer { return writer }
    let opened = try SafeTensorsWriter(try locate(shards[shard].file), tensors: shards[shard].tensors)
    writer = opened
    return opened
  }

  private func advance() throws(Failure) {
    written += 1
    guard written == shards[shard].tensors.count else { return }
    writer?.finish()
    (writer, written, shard) = (nil, 0, shard + 1)
  }

  private static func name(of index: Int, among count: Int) -> String {
    func five(_ number: Int) -> String {
      String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)"
    }
    return count == 1 ? WeightFiles.singleFile : "model-\(five(index + 1))-of-\(five(count)).safetensors"
  }
}
