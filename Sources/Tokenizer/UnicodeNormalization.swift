import CUTF8Proc
@_spi(_Unicode) import Swift

/// The normalization forms, with the changes that `AlignedText` needs to keep its origins.
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
  /// The lead byte of U+00A0: below it every text is in forms KC and KD.
  private static let firstLeadK: UInt8 = 0xC2

  /// - Parameter compatibility: form KC in place of form C.
  static func composed(_ text: inout AlignedText, _ compatibility: Bool) {
    guard text.bytes.contains(where: { $0 >= (compatibility ? firstLeadK : firstLeadC) }) else { return }
    let scalars = text.scalars
    let isNormal = !compatibility && scalars.elementsEqual(String(decoding: text.bytes, as: UTF8.self)._nfc)
    if !isNormal { text.transform(compose(decompose(scalars, compatibility))) }
  }

  /// - Parameter compatibility: form KD in place of form D.
  static func decomposed(_ text: inout AlignedText, _ compatibility: Bool) {
    guard text.bytes.contains(where: { $0 >= (compatibility ? firstLeadK : firstLeadD) }) else { return }
    let scalars = text.scalars
    let isNormal = !compatibility && scalars.elementsEqual(String(decoding: text.bytes, as: UTF8.self)._nfd)
    if !isNormal { text.transform(decompose(scalars, compatibility)) }
  }

  private static func combiningClass(_ scalar: Unicode.Scalar) -> UInt8 {
    scalar.value < 0x300 ? 0 : scalar.properties.canonicalCombiningClass.rawValue
  }

  /// Full decomposition in canonical order.
  private static func decompose(_ scalars: [Unicode.Scalar], _ compatibility: Bool) -> [Change] {
    var result: [Change] = []
    var marks: [(class: UInt8, change: Change)] = []
    func flush() {
      // The standard library's sort is stable, which canonical order asks for.
      result += marks.sorted { $0.class < $1.class }.map(\.change)
      marks.removeAll(keepingCapacity: true)
    }
    for scalar in scalars {
      let parts = parts(of: scalar, compatibility)
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

  private static func parts(of scalar: Unicode.Scalar, _ compatibility: Bool) -> [Unicode.Scalar] {
    if scalar.value < 0xA0 { return [scalar] }
    return compatibility ? compatibilityParts(of: scalar) : Array(String(scalar)._nfd)
  }

  /// The longest decomposition is that of U+FDFA.
  private static let maximumParts = 18

  /// The standard library does not know compatibility forms; utf8proc does.
  private static func compatibilityParts(of scalar: Unicode.Scalar) -> [Unicode.Scalar] {
    var parts = [Int32](repeating: 0, count: maximumParts)
    let options = utf8proc_option_t(UTF8PROC_COMPAT.rawValue | UTF8PROC_DECOMPOSE.rawValue)
    var boundary: CInt = 0
    let count = unsafe utf8proc_decompose_char(Int32(scalar.value), &parts, maximumParts, options, &boundary)
    guard count > 0, count <= maximumParts else { return [scalar] }
    return parts.prefix(count).compactMap { Unicode.Scalar(UInt32($0)) }
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
