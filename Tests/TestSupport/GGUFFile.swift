package import Foundation

/// A GGUF file, read as its specification says: for tests of what is written.
package struct GGUFFile {
  /// Numbers as they are, strings as text, arrays as what their elements are.
  package private(set) var metadata: [String: [String]] = [:]
  package private(set) var tensors: [String: (type: UInt32, shape: [Int], offset: Int)] = [:]
  /// All that follows the header, from its aligned start on.
  package let data: Data

  package init(_ file: Data) {
    var rest = file
    func number<Number: FixedWidthInteger>(_ type: Number.Type) -> Number {
      let bytes = rest.prefix(MemoryLayout<Number>.size)
      rest = rest.dropFirst(bytes.count)
      return bytes.reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }
    func text() -> String {
      let count = Int(number(UInt64.self))
      defer { rest = rest.dropFirst(count) }
      return String(decoding: rest.prefix(count), as: UTF8.self)
    }
    func values(_ type: UInt32) -> [String] {
      switch type {
      case 4: return ["\(number(UInt32.self))"]
      case 5: return ["\(number(Int32.self))"]
      case 6: return ["\(Float(bitPattern: number(UInt32.self)))"]
      case 7: return ["\(number(UInt8.self) == 1)"]
      case 8: return [text()]
      default:
        let element = number(UInt32.self)
        return (0..<number(UInt64.self)).flatMap { _ in values(element) }
      }
    }
    precondition(number(UInt32.self) == 0x4655_4747 && number(UInt32.self) == 3, "no GGUF file of version 3")
    let (tensorCount, valueCount) = (number(UInt64.self), number(UInt64.self))
    for _ in 0..<valueCount {
      let key = text()
      metadata[key] = values(number(UInt32.self))
    }
    for _ in 0..<tensorCount {
      let name = text()
      let shape = (0..<number(UInt32.self)).map { _ in Int(number(UInt64.self)) }
      tensors[name] = (number(UInt32.self), shape.reversed(), Int(number(UInt64.self)))
    }
    data = file.dropFirst((file.count - rest.count + 31) / 32 * 32)
  }

  /// The values of a float32 tensor.
  package func floats(_ name: String) -> [Float] {
    guard let tensor = tensors[name], tensor.type == 0 else { return [] }
    let bytes = [UInt8](data.dropFirst(tensor.offset).prefix(4 * tensor.shape.reduce(1, *)))
    return stride(from: 0, to: bytes.count, by: 4).map { at in
      Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) })
    }
  }
}
