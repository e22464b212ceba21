import Failures
import JSON

/// Puts the values of the columns of a row group together to rows, as their levels say (Dremel's record assembly).
struct RowAssembly {
  private let nodes: [ParquetNode]
  /// By the position of the column in the file.
  private var columns: [Int: ParquetColumn] = [:]
  /// Elements of lists in the row so far.
  private var elementCount = 0

  /// The most elements that the lists of one row may have together: a few bytes could stand for billions.
  private static let mostElements = 4 << 20

  init(
    _ group: ParquetMetadata.RowGroup, _ nodes: [ParquetNode], file: RandomAccessFile
  ) throws(Failure) {
    self.nodes = nodes
    for node in nodes { try open(node, group, file) }
  }

  private mutating func open(
    _ node: ParquetNode, _ group: ParquetMetadata.RowGroup, _ file: RandomAccessFile
  ) throws(Failure) {
    for child in node.children { try open(child, group, file) }
    guard node.type != nil else { return }
    let leaf = node.leaves.lowerBound
    columns[leaf] = try ParquetColumn(group.columns[leaf], node, file: file)
  }

  mutating func next() throws(Failure) -> JSON {
    elementCount = 0
    var members: [(key: String, value: JSON)] = []
    for node in nodes {
      for leaf in node.leaves where columns[leaf]?.repetition != 0 {
        throw Failure(.badData, "\(name(leaf)): its values do not begin where the rows begin")
      }
      members.append((node.name, try value(of: node)))
    }
    return .object(JSONObject(uniqueMembers: members))
  }

  /// - Throws: `Failure.badData` when a column has more values than the row group has rows.
  func checkEnd() throws(Failure) {
    for column in columns.values where column.repetition >= 0 {
      throw Failure(.badData, "\(column.name): it has more values than the file has rows")
    }
  }

  private mutating func value(of node: ParquetNode) throws(Failure) -> JSON {
    node.isRepeated ? .array(try elements(of: node, each: nil)) : try single(node)
  }

  /// A node as if it were not repeated: one of its elements where it is.
  private mutating func single(_ node: ParquetNode) throws(Failure) -> JSON {
    if node.type != nil { return try take(node.leaves.lowerBound) }
    guard definition(of: node) >= node.definitionLevel else {
      try skip(node)
      return .null
    }
    if let element = node.listElement {
      return .array(try elements(of: node.children[0], each: element))
    }
    var members: [(key: String, value: JSON)] = []
    for child in node.children { members.append((child.name, try value(of: child))) }
    return .object(JSONObject(uniqueMembers: members))
  }

  /// - Parameter inner: the only child of the repeated node, where that is but a wrapper.
  private mutating func elements(of node: ParquetNode, each inner: ParquetNode?) throws(Failure) -> [JSON] {
    guard definition(of: node) >= node.definitionLevel else {
      try skip(node)
      return []
    }
    var values: [JSON] = []
    let first = node.leaves.lowerBound
    repeat {
      elementCount += 1
      guard elementCount <= Self.mostElements else {
        throw Failure(.badData, "\(name(first)): a row has more than \(Self.mostElements) values")
      }
      if let inner { values.append(try value(of: inner)) } else { values.append(try single(node)) }
      for leaf in node.leaves.dropFirst() where columns[leaf]?.repetition != columns[first]?.repetition {
        throw Failure(.badData, "\(name(leaf)): its rows are not as long as those of the column beside it")
      }
    } while columns[first]?.repetition == node.repetitionLevel
    return values
  }

  // MARK: - Columns

  private func name(_ leaf: Int) -> String { columns[leaf]?.name ?? "column \(leaf)" }

  private mutating func take(_ leaf: Int) throws(Failure) -> JSON {
    guard let index = columns.index(forKey: leaf) else { return .null }
    return try columns.values[index].next()
  }

  private func definition(of node: ParquetNode) -> Int {
    columns[node.leaves.lowerBound]?.definition ?? 0
  }

  /// Takes the one entry that each column has for a node that is not there.
  private mutating func skip(_ node: ParquetNode) throws(Failure) {
    for leaf in node.leaves { _ = try take(leaf) }
  }
}
