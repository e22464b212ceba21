/// A value of a GGUF file's metadata, of the types that language models need (ggml's docs/gguf.md).
package enum GGUFValue: Sendable, Equatable {
  case uint32(UInt32)
  case float32(Float)
  case bool(Bool)
  /// UTF-8.
  case string([UInt8])
  case int32s([Int32])
  case float32s([Float])
  case strings([[UInt8]])

  package static func string(_ text: String) -> GGUFValue { .string(Array(text.utf8)) }
}

extension [UInt8] {
  /// Appends a number, lowest byte first.
  mutating func append(littleEndian number: some FixedWidthInteger) {
    unsafe Swift.withUnsafeBytes(of: number.littleEndian) { unsafe append(contentsOf: $0) }
  }

  /// Appends a string: its length and its bytes.
  mutating func append(ggufString bytes: [UInt8]) {
    append(littleEndian: UInt64(bytes.count))
    append(contentsOf: bytes)
  }

  /// Appends a value with its type before it.
  mutating func append(_ value: GGUFValue) {
    append(littleEndian: value.type)
    switch value {
    case .uint32(let number): append(littleEndian: number)
    case .float32(let number): append(littleEndian: number.bitPattern)
    case .bool(let flag): append(flag ? 1 : 0)
    case .string(let bytes): append(ggufString: bytes)
    case .int32s(let numbers): appendArray(numbers, type: 5) { $0.append(littleEndian: $1) }
    case .float32s(let numbers): appendArray(numbers, type: 6) { $0.append(littleEndian: $1.bitPattern) }
    case .strings(let strings): appendArray(strings, type: 8) { $0.append(ggufString: $1) }
    }
  }

  private mutating func appendArray<Value>(
    _ elements: [Value], type: UInt32, appending: (inout [UInt8], Value) -> Void
  ) {
    append(littleEndian: type)
    append(littleEndian: UInt64(elements.count))
    for element in elements { appending(&self, element) }
  }
}

extension GGUFValue {
  /// The number that the specification gives the type.
  fileprivate var type: UInt32 {
    switch self {
    case .uint32: 4
    case .float32: 6
    case .bool: 7
    case .string: 8
    case .int32s, .float32s, .strings: 9
    }
  }
}
