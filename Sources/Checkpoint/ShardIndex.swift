import Failures
import JSON

/// `model.safetensors.index.json`: which shard holds which tensor.
struct ShardIndex {
  let source: String
  /// The shards in the order in which the index first names them.
  let shards: [String]
  private let entries: [(name: String, shard: Int)]

  init(file: String) throws(Failure) {
    source = file
    let root = try JSONDocument(try MappedFile(file).contents, source: file).cursor
    var shards: [String] = []
    var numbers: [ByteString: Int] = [:]
    var entries: [(name: String, shard: Int)] = []
    for (name, cursor) in try root.field("weight_map").members() {
      let shard = try cursor.string()
      if let number = numbers[ByteString(shard)] {
        entries.append((name, number))
        continue
      }
      guard shard.hasSuffix(".safetensors"), !shard.utf8.contains(UInt8(ascii: "/")), !shard.utf8.contains(0)
      else {
        throw cursor.failure("'\(shard)' is not the name of a safetensors file beside the index")
      }
      numbers[ByteString(shard)] = shards.count
      entries.append((name, shards.count))
      shards.append(shard)
    }
    guard !entries.isEmpty else { throw try root.field("weight_map").failure("the index names no tensors") }
    self.shards = shards
    self.entries = entries
  }

  /// Every tensor lies in the shard that the index names for it and nowhere else, and every shard's tensors are indexed.
  func check(_ files: [SafeTensors]) throws(Failure) {
    var places: [ByteString: Int] = [:]
    for (name, shard) in entries {
      guard files[shard][name] != nil else {
        throw Failure(.badData, "\(source): the tensor '\(name)' is not in its shard '\(shards[shard])'")
      }
      places[ByteString(name)] = shard
    }
    for (number, file) in files.enumerated() {
      for name in file.names where places[ByteString(name)] != number {
        throw Failure(
          .badData, "\(source): the tensor '\(name)' of shard '\(shards[number])' is not indexed there")
      }
    }
  }
}
