import Failures

/// Reads Thrift's compact protocol, as much of it as Parquet's metadata needs. Every count is checked against the
/// bytes that are left before anything is made of it.
struct ThriftReader {
  enum Kind: UInt8 {
    case yes = 1, no, byte, i16, i32, i64, double, binary, list, set, map, structure
  }

  struct Field {
    let id: Int
    let kind: Kind
  }

  let bytes: [UInt8]
  private(set) var offset = 0
  private var depth = 0
  /// What errors say the bytes are.
  private let source: String

  private static let deepest = 32

  init(_ bytes: [UInt8], source: String) { (self.bytes, self.source) = (bytes, source) }

  func failure(_ message: String) -> Failure {
    Failure(
      .badData, "\(source): byte \(offset): \(message)", hint: "the file may be damaged, or is no Parquet file")
  }

  /// Reads a structure: `body` must read or skip the value of each field that it is given.
  mutating func structure(
    _ body: (inout ThriftReader, Field) throws(Failure) -> Void
  ) throws(Failure) {
    guard depth < Self.deepest else { throw failure("structures are nested too deeply") }
    depth += 1
    var id = 0
    while true {
      let head = try byte()
      if head == 0 { break }
      id = head >> 4 == 0 ? try integer() : id + Int(head >> 4)
      try body(&self, Field(id: id, kind: try kind(head & 15)))
    }
    depth -= 1
  }

  /// Reads a list: `body` must read one element.
  mutating func list(
    _ field: Field, of kind: Kind, _ body: (inout ThriftReader) throws(Failure) -> Void
  ) throws(Failure) {
    guard field.kind == .list else { throw failure("expected a list in field \(field.id)") }
    let (count, found) = try listHead()
    guard found == kind || count == 0 else { throw failure("a list of another type in field \(field.id)") }
    for _ in 0..<count { try body(&self) }
  }

  private mutating func listHead() throws(Failure) -> (count: Int, kind: Kind) {
    let head = try byte()
    let count = head >> 4 == 15 ? try unsigned() : Int(head >> 4)
    guard count <= bytes.count - offset else { throw failure("a list of \(count) elements in too few bytes") }
    return (count, try kind(head & 15))
  }

  private func kind(_ code: UInt8) throws(Failure) -> Kind {
    guard let kind = Kind(rawValue: code) else { throw failure("unknown type \(code)") }
    return kind
  }

  // MARK: - Values

  mutating func integer(_ field: Field) throws(Failure) -> Int {
    switch field.kind {
    case .i16, .i32, .i64: return try integer()
    default: throw failure("expected an integer in field \(field.id)")
    }
  }

  mutating func integer() throws(Failure) -> Int {
    let raw = UInt(bitPattern: try unsigned(any: true))
    return Int(bitPattern: raw >> 1) ^ -Int(bitPattern: raw & 1)
  }

  func bool(_ field: Field) throws(Failure) -> Bool {
    switch field.kind {
    case .yes: return true
    case .no: return false
    default: throw failure("expected a boolean in field \(field.id)")
    }
  }

  mutating func string(_ field: Field) throws(Failure) -> String {
    guard field.kind == .binary else { throw failure("expected a string in field \(field.id)") }
    return try string()
  }

  mutating func string() throws(Failure) -> String {
    guard let text = String(validating: try binary(), as: UTF8.self) else { throw failure("a name is not UTF-8") }
    return text
  }

  private mutating func binary() throws(Failure) -> ArraySlice<UInt8> {
    let count = try unsigned()
    guard count <= bytes.count - offset else { throw failure("\(count) bytes are to follow, but the data ends") }
    defer { offset += count }
    return bytes[offset..<offset + count]
  }

  private mutating func byte() throws(Failure) -> UInt8 {
    guard offset < bytes.count else { throw failure("the data ends early") }
    defer { offset += 1 }
    return bytes[offset]
  }

  /// - Parameter any: whether all 64 bits may be in use.
  private mutating func unsigned(any: Bool = false) throws(Failure) -> Int {
    var value: UInt = 0
    for shift in stride(from: UInt(0), to: 64, by: 7) {
      let next = try byte()
      value |= UInt(next & 0x7F) << shift
      if next < 0x80 {
        guard any || value <= UInt(Int32.max) else { throw failure("the length \(value) is absurd") }
        return Int(bitPattern: value)
      }
    }
    throw failure("a number has too many bytes")
  }

  // MARK: - Passing over

  mutating func skip(_ kind: Kind) throws(Failure) {
    switch kind {
    case .yes, .no: break
    case .byte: _ = try byte()
    case .i16, .i32, .i64: _ = try integer()
    case .double: for _ in 0..<8 { _ = try byte() }
    case .binary: _ = try binary()
    case .structure: try structure { reader, field throws(Failure) in try reader.skip(field.kind) }
    case .list, .set: try skipList()
    case .map: try skipMap()
    }
  }

  private mutating func skipList() throws(Failure) {
    let (count, kind) = try listHead()
    try deeper { reader throws(Failure) in for _ in 0..<count { try reader.skipElement(kind) } }
  }

  private mutating func skipMap() throws(Failure) {
    let count = try unsigned()
    guard count > 0 else { return }
    guard count <= bytes.count - offset else { throw failure("a map of \(count) entries in too few bytes") }
    let kinds = try byte()
    let (key, value) = (try kind(kinds >> 4), try kind(kinds & 15))
    try deeper { reader throws(Failure) in
      for _ in 0..<count {
        try reader.skipElement(key)
        try reader.skipElement(value)
      }
    }
  }

  /// In a list or a map, a boolean takes a byte.
  private mutating func skipElement(_ kind: Kind) throws(Failure) {
    try skip([.yes, .no].contains(kind) ? .byte : kind)
  }

  private mutating func deeper(_ body: (inout ThriftReader) throws(Failure) -> Void) throws(Failure) {
    guard depth < Self.deepest else { throw failure("structures are nested too deeply") }
    depth += 1
    try body(&self)
    depth -= 1
  }
}
