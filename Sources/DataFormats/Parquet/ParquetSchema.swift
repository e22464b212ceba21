import Failures

/// A node of a Parquet schema: a leaf is a column, a group has children.
struct ParquetNode {
  let name: String
  /// 0 required, 1 optional, 2 repeated.
  let repetition: Int
  /// How many optional and repeated nodes there are on the way from the root to here, this one included.
  let definitionLevel: Int
  /// How many repeated nodes there are on that way.
  let repetitionLevel: Int
  /// Where its columns stand among all columns of the file.
  let leaves: Range<Int>
  let children: [ParquetNode]
  /// Nil for a group.
  let type: ParquetType?

  var isRepeated: Bool { repetition == 2 }

  /// The element's node, for a list as writers spell it: a group around one repeated group around one element, or
  /// around one repeated element (the format's rules for lists of older writers).
  var listElement: ParquetNode? {
    guard type == nil, !isRepeated, children.count == 1, let middle = children.first, middle.isRepeated else {
      return nil
    }
    let wraps = middle.type == nil && middle.children.count == 1 && middle.name != "array" && !middle.name.hasSuffix("_tuple")
    return wraps ? middle.children[0] : middle
  }
}

/// The tree of all columns.
struct ParquetSchema {
  let columns: [ParquetNode]

  private static let deepest = 24

  /// - Throws: `Failure.badData` when the flat list of elements makes no tree.
  init(_ elements: [ParquetMetadata.SchemaElement], file: String) throws(Failure) {
    guard let root = elements.first, root.type == nil else {
      throw Failure(.badData, "\(file): its schema has no columns")
    }
    var builder = Builder(elements: elements, file: file)
    builder.next = 1
    columns = try builder.children(of: root, definition: 0, repetition: 0, depth: 0)
    guard builder.next == elements.count else {
      throw Failure(.badData, "\(file): its schema has elements that belong to no column")
    }
  }

  private struct Builder {
    let elements: [ParquetMetadata.SchemaElement]
    let file: String
    var next = 0
    var leaf = 0

    mutating func children(
      of element: ParquetMetadata.SchemaElement, definition: Int, repetition: Int, depth: Int
    ) throws(Failure) -> [ParquetNode] {
      guard depth < ParquetSchema.deepest, element.childCount <= elements.count - next else {
        throw Failure(.badData, "\(file): its schema is nested too deeply or incomplete")
      }
      var children: [ParquetNode] = []
      for _ in 0..<element.childCount {
        children.append(try node(definition: definition, repetition: repetition, depth: depth + 1))
      }
      return children
    }

    private mutating func node(definition: Int, repetition: Int, depth: Int) throws(Failure) -> ParquetNode {
      guard next < elements.count else { throw Failure(.badData, "\(file): its schema is incomplete") }
      let element = elements[next]
      next += 1
      let definition = definition + (element.repetition == 0 ? 0 : 1)
      let repetition = repetition + (element.repetition == 2 ? 1 : 0)
      let first = leaf
      var children: [ParquetNode] = []
      if element.type == nil {
        children = try self.children(of: element, definition: definition, repetition: repetition, depth: depth)
        guard !children.isEmpty else { throw Failure(.badData, "\(file): the group '\(element.name)' is empty") }
      } else {
        leaf += 1
      }
      return ParquetNode(
        name: element.name, repetition: element.repetition, definitionLevel: definition,
        repetitionLevel: repetition, leaves: first..<leaf, children: children,
        type: element.type.map { ParquetType(physical: $0, converted: element.convertedType) })
    }
  }
}

/// How the values of a column are stored, and what they stand for.
struct ParquetType {
  /// Parquet's number: 0 BOOLEAN, 1 INT32, 2 INT64, 3 INT96, 4 FLOAT, 5 DOUBLE, 6 BYTE_ARRAY, 7 FIXED_LEN_BYTE_ARRAY.
  let physical: Int
  /// Parquet's number, such as 0 UTF8 or 6 DATE.
  let converted: Int?

  private static let physicalNames = [
    "BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY",
  ]
  private static let convertedNames = [
    1: "MAP", 2: "MAP_KEY_VALUE", 5: "DECIMAL", 6: "DATE", 7: "TIME_MILLIS", 8: "TIME_MICROS",
    9: "TIMESTAMP_MILLIS", 10: "TIMESTAMP_MICROS", 20: "BSON", 21: "INTERVAL",
  ]

  /// Whether the largest bit of an integer is no sign: UINT_32 and UINT_64. Smaller ones have it to spare.
  var isUnsigned: Bool { converted == 13 || converted == 14 }

  /// What is not read, by its name; nil for what is.
  var unsupported: String? {
    if let converted, let name = Self.convertedNames[converted] { return name }
    guard Self.physicalNames.indices.contains(physical) else { return "number \(physical)" }
    return [3, 7].contains(physical) ? Self.physicalNames[physical] : nil
  }
}
