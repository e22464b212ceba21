import Failures
import JSON

/// Values as they are, one after another.
struct PlainDecoder {
  private let bytes: [UInt8]
  private(set) var offset: Int
  private let type: ParquetType
  /// What errors call the place.
  private let column: String
  private var bit = 0

  init(_ bytes: [UInt8], from offset: Int, _ type: ParquetType, column: String) {
    (self.bytes, self.offset, self.type, self.column) = (bytes, offset, type, column)
  }

  mutating func next() throws(Failure) -> JSON {
    switch type.physical {
    case 0: return .bool(try nextBit())
    case 1 where type.isUnsigned: return .integer(Int(try number(bytes: 4)))
    case 1: return .integer(Int(Int32(truncatingIfNeeded: try number(bytes: 4))))
    case 2:
      let value = Int(truncatingIfNeeded: try number(bytes: 8))
      if type.isUnsigned, value < 0 { throw Failure(.badData, "\(column): a value is larger than 2⁶³ − 1") }
      return .integer(value)
    case 4: return .number(Double(Float(bitPattern: UInt32(try number(bytes: 4)))))
    case 5: return .number(Double(bitPattern: try number(bytes: 8)))
    default: return .string(try string())
    }
  }

  private mutating func nextBit() throws(Failure) -> Bool {
    guard offset < bytes.count else { throw endsEarly }
    defer { (offset, bit) = bit == 7 ? (offset + 1, 0) : (offset, bit + 1) }
    return bytes[offset] >> bit & 1 == 1
  }

  private mutating func number(bytes count: Int) throws(Failure) -> UInt64 {
    guard count <= bytes.count - offset else { throw endsEarly }
    defer { offset += count }
    return (0..<count).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
  }

  private mutating func string() throws(Failure) -> String {
    let count = Int(try number(bytes: 4))
    guard count <= bytes.count - offset else { throw endsEarly }
    defer { offset += count }
    guard let text = String(validating: bytes[offset..<offset + count], as: UTF8.self) else {
      throw Failure(.badData, "\(column): a value is not valid UTF-8")
    }
    return text
  }

  private var endsEarly: Failure { Failure(.badData, "\(column): a page ends before its last value") }
}
