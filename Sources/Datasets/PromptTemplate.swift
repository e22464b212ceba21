package import Failures
import JSON

/// The text around an instruction and its input.
package struct PromptTemplate: Sendable, Equatable {
  private enum Piece: Sendable, Equatable {
    case text(String)
    case instruction, input
  }

  private let withInput: String
  private let withoutInput: String
  private let (piecesWithInput, piecesWithoutInput): ([Piece], [Piece])
  /// What ends the answer; it is learned with it.
  package let ending: String
  /// Tokens that the tokenizer must know for the texts to mean what they should.
  package let specialTokens: [String]

  /// - Parameters:
  ///   - withInput: the prompt with `{instruction}` and `{input}` in it.
  ///   - withoutInput: the prompt of a row without an input, with `{instruction}` in it.
  init(withInput: String, withoutInput: String, ending: String = "", specialTokens: [String] = []) {
    (self.withInput, self.withoutInput) = (withInput, withoutInput)
    (piecesWithInput, piecesWithoutInput) = (Self.pieces(withInput), Self.pieces(withoutInput))
    (self.ending, self.specialTokens) = (ending, specialTokens)
  }

  /// Reads a template of the user's: a text with `{instruction}` and perhaps `{input}`; or JSON with one such text
  /// as `prompt_input` and one as `prompt_no_input`, as alpaca-lora has them.
  ///
  /// - Throws: `Failure.badData` when a placeholder is missing.
  package init(_ bytes: [UInt8], file: String) throws(Failure) {
    if Self.isJSON(bytes) {
      let document = try JSONDocument(bytes, source: file)
      self.init(
        withInput: try document.cursor.field("prompt_input").string(),
        withoutInput: try document.cursor.field("prompt_no_input").string())
    } else {
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw Failure(.badData, "\(file): the template is not valid UTF-8")
      }
      self.init(withInput: text, withoutInput: text)
    }
    guard withInput.contains(Self.instruction), withoutInput.contains(Self.instruction) else {
      throw Failure(
        .badData, "\(file): the template has no {instruction}", hint: "write it where the instruction belongs")
    }
  }

  /// A text may begin with a placeholder, but hardly with a quotation mark in a brace.
  private static func isJSON(_ bytes: [UInt8]) -> Bool {
    let rest = bytes.drop { $0.isWhitespace }
    return rest.first == UInt8(ascii: "{")
      && rest.dropFirst().first { !$0.isWhitespace }.map { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "}") } ?? false
  }

  private static let (instruction, input) = ("{instruction}", "{input}")

  /// The prompt, up to where the answer begins.
  ///
  /// - Throws: `Failure.badData` for an input that the template has no place for.
  package func prompt(instruction: String, input: String) throws(Failure) -> String {
    let pieces = input.utf8.isEmpty ? piecesWithoutInput : piecesWithInput
    guard input.utf8.isEmpty || pieces.contains(.input) else {
      throw Failure(
        .badData, "there is an input, for which the template has no {input}", hint: "write it where the input belongs")
    }
    // One pass, so that a placeholder in the data stays what it is.
    var prompt = ""
    for piece in pieces {
      switch piece {
      case .text(let text): prompt += text
      case .instruction: prompt += instruction
      case .input: prompt += input
      }
    }
    return prompt
  }

  /// The template cut before and after each placeholder.
  private static func pieces(_ template: String) -> [Piece] {
    var pieces: [Piece] = []
    var rest = template[...]
    while let brace = rest.firstIndex(of: "{") {
      let tail = rest[brace...]
      let placeholder = [instruction, input].first(where: tail.hasPrefix) ?? "{"
      let end = rest.index(brace, offsetBy: placeholder.count)
      pieces.append(.text(String(rest[..<brace])))
      pieces.append(placeholder == instruction ? .instruction : placeholder == input ? .input : .text("{"))
      rest = rest[end...]
    }
    return pieces + [.text(String(rest))]
  }

  /// The texts as the manifest records them.
  var json: JSON { ["with_input": .string(withInput), "without_input": .string(withoutInput)] }
}

extension UInt8 {
  fileprivate var isWhitespace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}
