import Failures

extension JSON {
  /// The canonical form (RFC 8785): no white space, members sorted by the UTF-16 code units of their keys,
  /// numbers as ECMAScript writes them. Equal values have equal bytes, which is what digests are taken over.
  ///
  /// - Throws: `Failure.badData` at an integer that a double cannot hold (such numbers are written as
  ///   strings), `Failure.internal` at a number that is not finite; both name the place by its pointer.
  package var canonical: [UInt8] {
    get throws(Failure) {
      var output: [UInt8] = []
      try appendCanonical(to: &output, path: [])
      return output
    }
  }

  private func appendCanonical(to output: inout [UInt8], path: [JSONPathStep]) throws(Failure) {
    switch self {
    case .null, .bool, .string: appendScalar(to: &output)
    case .integer(let value):
      // Beyond 2^53 only such integers stay that ECMAScript writes with the very same digits.
      guard ECMAScriptNumber.text(Double(value)) == String(value) else {
        throw Failure(
          .badData, "\(Self.place(path)): the integer \(value) does not fit a double exactly",
          hint: "write integers above 2^53 as strings")
      }
      appendScalar(to: &output)
    case .number(let value):
      guard value.isFinite else {
        throw Failure(.internal, "\(Self.place(path)): \(value) is not a JSON number")
      }
      appendScalar(to: &output)
    case .array(let elements):
      output.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        try element.appendCanonical(to: &output, path: path + [.index(index)])
      }
      output.append(UInt8(ascii: "]"))
    case .object(let object):
      output.append(UInt8(ascii: "{"))
      let sorted = object.members.sorted { $0.key.utf16.lexicographicallyPrecedes($1.key.utf16) }
      for (index, member) in sorted.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        JSON.string(member.key).appendScalar(to: &output)
        output.append(UInt8(ascii: ":"))
        try member.value.appendCanonical(to: &output, path: path + [.key(member.key)])
      }
      output.append(UInt8(ascii: "}"))
    }
  }

  private static func place(_ path: [JSONPathStep]) -> String { path.isEmpty ? "(root)" : path.pointer }
}
