@_spi(_Unicode) import Swift

/// The canonical normalization forms, with the changes that `AlignedText` needs to keep its origins.
///
/// The standard library normalizes, but does not say what became of which character. So text that is normal
/// already, nearly all text, is only compared with what the library makes of it; the rest is taken apart and
/// composed step by step, with the library's answers for single characters and pairs (Unicode Standard Annex 15).
enum UnicodeNormalization {
  typealias Change = (scalar: Unicode.Scalar, change: Int)

  /// The lead byte of U+0300: below it every text is in form C.
  private static let firstLeadC: UInt8 = 0xCC
  /// The lead byte of U+00C0: below it every text is in form D.
  private static let firstLeadD: UInt8 = 0xC3

  static func composed(_ text: inout AlignedText) {
    guard text.bytes.contains(where: { $0 >= firstLeadC }) else { return }
    let scalars = text.scalars
    guard !scalars.elementsEqual(String(decoding: text.bytes, as: UTF8.self)._nfc) else { return }
    text.transform(compose(decompose(scalars)))
  }

  static func decomposed(_ text: inout AlignedText) {
    guard text.bytes.contains(where: { $0 >= firstLeadD }) else { return }
    let scalars = text.scalars
    guard !scalars.elementsEqual(String(decoding: text.bytes, as: UTF8.self)._nfd) else { return }
    text.transform(decompose(scalars))
  }

  private static func combiningClass(_ scalar: Unicode.Scalar) -> UInt8 {
    scalar.value < 0x300 ? 0 : scalar.properties.canonicalCombiningClass.rawValue
  }

  /// Full canonical decomposition in canonical order.
  private static func decompose(_ scalars: [Unicode.Scalar]) -> [Change] {
    var result: [Change] = []
    var marks: [(class: UInt8, change: Change)] = []
    func flush() {
      // The standard library's sort is stable, which canonical order asks for.
      result += marks.sorted { $0.class < $1.class }.map(\.change)
      marks.removeAll(keepingCapacity: true)
    }
    for scalar in scalars {
      let parts = scalar.value < 0xC0 ? [scalar] : Array(String(scalar)._nfd)
      for (index, part) in parts.enumerated() {
        let combiningClass = combiningClass(part)
        if combiningClass == 0 { flush() }
        marks.append((combiningClass, (part, index == 0 ? 0 : 1)))
        if combiningClass == 0 { flush() }
      }
    }
    flush()
    return result
  }

  /// Canonical composition of a decomposed text.
  private static func compose(_ scalars: [Change]) -> [Change] {
    var result: [Change] = []
    var starter: Int? = nil  // the index in `result` of what marks may still join
    var lastClass: UInt8? = nil  // the class of the mark before, when it did not join
    for (scalar, change) in scalars {
      let combiningClass = combiningClass(scalar)
      if let index = starter, lastClass.map({ $0 < combiningClass }) ?? true,
        let composite = composite(result[index].scalar, scalar)
      {
        result[index] = (composite, result[index].change + change - 1)
      } else {
        result.append((scalar, change))
        if combiningClass == 0 {
          starter = result.count - 1
          lastClass = nil
        } else if starter != nil {
          lastClass = combiningClass
        }
      }
    }
    return result
  }

  /// The character that a starter and the character after it make together, if there is one.
  private static func composite(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    guard second.value >= 0x300 else { return nil }
    var pair = String(first)
    pair.unicodeScalars.append(second)
    let composed = Array(pair._nfc)
    return composed.count == 1 ? composed.first : nil
  }
}
