import Datasets
import Failures
import FoundationEssentials
import JSON
import Tokenizer

/// A tokenizer of printable ASCII: `<s>` 0, `</s>` 1, then a token a character from `\n` 2 and space 3 on, and "ab", "\nc".
let asciiTokenizer = #"""
  {"added_tokens":[{"id":0,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,
  "special":true},{"id":1,"content":"</s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,
  "special":true}],"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
  {"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[0],"tokens":["<s>"]}}},
  "decoder":{"type":"Fuse"},"model":{"vocab":\#(asciiVocabulary),"merges":["a b","\n c"]}}
  """#

private let asciiVocabulary: String = {
  let characters = ["\n"] + (0x20..<0x7F).compactMap { Unicode.Scalar($0 as Int).map { String($0) } }
  let tokens = ["<s>", "</s>"] + characters + ["ab", "\nc"]
  return "{\(tokens.enumerated().map { "\(JSON.string($1).text()):\($0)" }.joined(separator: ","))}"
}()

/// The id of a printable character in `asciiTokenizer`.
func id(_ character: Unicode.Scalar) -> Int32 { Int32(character.value) - 0x20 + 3 }

/// A directory of data files that is gone after the test.
final class Workplace {
  let directory: String

  init() throws {
    directory = FileManager.default.temporaryDirectory.appending(path: "datasets-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  func path(_ name: String) -> String { "\(directory)/\(name)" }

  func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }

  func write(_ bytes: [UInt8], to name: String) throws -> String {
    try Data(bytes).write(to: URL(filePath: path(name)))
    return path(name)
  }

  func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path(name)))) }
}

/// What preparing data gives.
struct Prepared {
  let summary: DatasetSummary
  let train: [TokenRow]
  let validation: [TokenRow]
  let test: [TokenRow]

  /// - Parameters:
  ///   - tokenizer: a tokenizer.json, or nil for none.
  ///   - vocabularySize: of the model.
  init(
    _ data: String, name: String = "data.jsonl", validation: String? = nil, in workplace: Workplace? = nil,
    tokenizer: String? = asciiTokenizer, configuration: String = #"{"bos_token":"<s>","eos_token":"</s>"}"#,
    vocabularySize: Int = 100, options change: (inout DatasetOptions) -> Void = { _ in }
  ) throws {
    try self.init(
      files: [(name, data)], validation: validation, in: workplace, tokenizer: tokenizer,
      configuration: configuration, vocabularySize: vocabularySize, options: change)
  }

  /// What preparing several files gives.
  init(
    files: [(name: String, text: String)], validation: String? = nil, in workplace: Workplace? = nil,
    tokenizer: String? = asciiTokenizer, configuration: String = #"{"bos_token":"<s>","eos_token":"</s>"}"#,
    vocabularySize: Int = 100, options change: (inout DatasetOptions) -> Void = { _ in }
  ) throws {
    let workplace = try workplace ?? Workplace()
    var options = DatasetOptions()
    options.promptStyle = .plain
    change(&options)
    let tokenizer = try tokenizer.map {
      try Tokenizer(
        JSONDocument($0, source: "tokenizer.json"),
        configuration: JSONDocument(configuration, source: "tokenizer_config.json"))
    }
    let preparation = try DatasetPreparation(options, tokenizer: tokenizer, vocabularySize: vocabularySize)
    summary = try preparation.run(
      data: try files.map { try workplace.write($1, to: $0) },
      validation: try validation.map { [try workplace.write($0, to: "validation.jsonl")] } ?? [],
      output: { workplace.path($0.rawValue + ".safetensors") }, previewCount: 2)
    train = try Self.rows(workplace.path("train.safetensors"), vocabularySize)
    self.validation = try Self.rows(workplace.path("validation.safetensors"), vocabularySize)
    test =
      summary[.test].rows > 0 ? try Self.rows(workplace.path("test.safetensors"), vocabularySize) : []
  }

  private static func rows(_ path: String, _ vocabularySize: Int) throws -> [TokenRow] {
    let rows = try TokenRows(path, vocabularySize: vocabularySize)
    return (0..<rows.count).map { rows[$0] }
  }
}

/// The message of the failure that `body` throws, without directories.
func message(_ body: () throws -> some Any) -> String {
  do {
    _ = try body()
    return "accepted"
  } catch let failure as Failure {
    let message = failure.message.replacing(/\/[^ :]*datasets-[^\/]*\//, with: "")
    return failure.kind == .badData ? message : "\(failure.kind): \(message)"
  } catch { return "\(error)" }
}
