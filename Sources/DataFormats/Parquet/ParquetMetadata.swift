import Failures

/// What the end of a Parquet file says: its schema and where each column of each row group lies.
struct ParquetMetadata {
  struct SchemaElement {
    /// Of a leaf; nil for a group.
    var type: Int?
    /// 0 required, 1 optional, 2 repeated.
    var repetition = 0
    var name = ""
    var childCount = 0
    /// What the stored type stands for: a date, say.
    var convertedType: Int?
  }

  struct ColumnChunk {
    var type = -1
    var codec = -1
    var path: [String] = []
    var valueCount = 0
    var dataOffset = -1
    var dictionaryOffset: Int?
    /// Bytes of all its pages with their headers.
    var byteCount = 0
    /// Whether the pages lie in another file.
    var isElsewhere = false
  }

  struct RowGroup {
    var columns: [ColumnChunk] = []
    var rowCount = 0
  }

  private(set) var schema: [SchemaElement] = []
  private(set) var rowGroups: [RowGroup] = []

  /// - Throws: `Failure.badData` naming the byte of the metadata that is wrong.
  init(_ bytes: [UInt8], file: String) throws(Failure) {
    var (schema, rowGroups): ([SchemaElement], [RowGroup]) = ([], [])
    var reader = ThriftReader(bytes, source: "\(file) (metadata)")
    try reader.structure { reader, field throws(Failure) in
      switch field.id {
      case 2:
        try reader.list(field, of: .structure) { reader throws(Failure) in
          schema.append(try SchemaElement(&reader))
        }
      case 4:
        try reader.list(field, of: .structure) { reader throws(Failure) in
          rowGroups.append(try RowGroup(&reader))
        }
      default: try reader.skip(field.kind)
      }
    }
    (self.schema, self.rowGroups) = (schema, rowGroups)
  }
}

extension ParquetMetadata.SchemaElement {
  init(_ reader: inout ThriftReader) throws(Failure) {
    var element = Self()
    try reader.structure { reader, field throws(Failure) in
      switch field.id {
      case 1: element.type = try reader.integer(field)
      case 3: element.repetition = try reader.integer(field)
      case 4: element.name = try reader.string(field)
      case 5: element.childCount = try reader.integer(field)
      case 6: element.convertedType = try reader.integer(field)
      default: try reader.skip(field.kind)
      }
    }
    guard (0...2).contains(element.repetition), element.childCount >= 0 else {
      throw reader.failure("the schema's element '\(element.name)' makes no sense")
    }
    self = element
  }
}

extension ParquetMetadata.RowGroup {
  init(_ reader: inout ThriftReader) throws(Failure) {
    var group = Self()
    try reader.structure { reader, field throws(Failure) in
      switch field.id {
      case 1:
        try reader.list(field, of: .structure) { reader throws(Failure) in
          group.columns.append(try ParquetMetadata.ColumnChunk(&reader))
        }
      case 3: group.rowCount = try reader.integer(field)
      default: try reader.skip(field.kind)
      }
    }
    guard group.rowCount >= 0 else { throw reader.failure("a row group of \(group.rowCount) rows") }
    self = group
  }
}

extension ParquetMetadata.ColumnChunk {
  init(_ reader: inout ThriftReader) throws(Failure) {
    var chunk = Self()
    try reader.structure { reader, field throws(Failure) in
      switch field.id {
      case 1:
        chunk.isElsewhere = true
        try reader.skip(field.kind)
      case 3 where field.kind == .structure: try chunk.readMetadata(&reader)
      default: try reader.skip(field.kind)
      }
    }
    self = chunk
  }

  private mutating func readMetadata(_ reader: inout ThriftReader) throws(Failure) {
    var chunk = self
    try reader.structure { reader, field throws(Failure) in
      switch field.id {
      case 1: chunk.type = try reader.integer(field)
      case 3:
        try reader.list(field, of: .binary) { reader throws(Failure) in chunk.path.append(try reader.string()) }
      case 4: chunk.codec = try reader.integer(field)
      case 5: chunk.valueCount = try reader.integer(field)
      case 7: chunk.byteCount = try reader.integer(field)
      case 9: chunk.dataOffset = try reader.integer(field)
      case 11: chunk.dictionaryOffset = try reader.integer(field)
      default: try reader.skip(field.kind)
      }
    }
    self = chunk
  }
}
