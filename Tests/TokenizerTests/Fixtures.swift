import FoundationEssentials
import JSON
import Testing
import Tokenizer

/// The tokenizers under Fixtures: one of each kind, with what Hugging Face `tokenizers` makes of 284 texts.
enum Fixture: String, CaseIterable {
  case gpt2, llama3, qwen2, llama2, gemma

  func path(_ file: String) -> String {
    let directory = #filePath.split(separator: "/").dropLast().joined(separator: "/")
    return "/\(directory)/Fixtures/\(rawValue)/\(file)"
  }

  func tokenizer() throws -> Tokenizer {
    try Tokenizer(tokenizerFile: path("tokenizer.json"), configurationFile: path("tokenizer_config.json"))
  }

  func vectors() throws -> [JSONCursor] {
    let path = path("vectors.json")
    return try JSONDocument([UInt8](contentsOfFile: path), source: path).cursor.elements()
  }
}

extension JSONCursor {
  func integers() throws -> [Int32] { try elements().map { Int32(try $0.integer()) } }
}

/// A tokenizer.json with a byte-pair model over the given characters and merges ("a b"), and other components.
func tokenizerText(
  vocabulary: [String], merges: [String] = [], model: String = "", components: String = ""
) -> String {
  let list = { (strings: [String]) in strings.map { JSON.string($0).text() }.joined(separator: ",") }
  let vocabulary = vocabulary.enumerated().map { "\(JSON.string($1).text()):\($0)" }.joined(separator: ",")
  return #"{\#(components)"model":{\#(model)"vocab":{\#(vocabulary)},"merges":[\#(list(merges))]}}"#
}

func tokenizer(_ text: String, configuration: String? = nil) throws -> Tokenizer {
  try Tokenizer(
    JSONDocument(text, source: "tokenizer.json"),
    configuration: configuration.map { try JSONDocument($0, source: "tokenizer_config.json") })
}
