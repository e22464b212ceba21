/// GPT-2's alphabet of 256 printable characters that stand for the 256 bytes.
enum ByteAlphabet {
  /// The character of each byte: printable Latin-1 stands for itself, the rest for U+0100 and on.
  private static let characters: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (UInt8.min...UInt8.max).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)
      default:
        defer { next += 1 }
        return Unicode.Scalar(next) ?? "?"
      }
    }
  }()

  /// The character of each byte in UTF-8: one byte, or two.
  static let encoded: [(first: UInt8, second: UInt8?)] = characters.map { character in
    let bytes = Array(String(character).utf8)
    return (bytes[0], bytes.count > 1 ? bytes[1] : nil)
  }

  private static let bytes: [Unicode.Scalar: UInt8] = Dictionary(
    uniqueKeysWithValues: zip(characters, UInt8.min...UInt8.max))

  /// The bytes that a token stands for; a token with a character outside the alphabet stands for itself.
  static func decoded(_ token: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    for scalar in String(decoding: token, as: UTF8.self).unicodeScalars {
      guard let byte = bytes[scalar] else { return token }
      result.append(byte)
    }
    return result
  }
}
