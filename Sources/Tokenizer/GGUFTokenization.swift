import Failures
import JSON

/// How llama.cpp is to cut texts into pieces as a tokenizer.json says, by the names that it gives to the ways it knows
/// (llama.cpp's src/llama-vocab.cpp).
struct GGUFTokenization {
  let model: String
  let preTokenizer: String
  let addsSpacePrefix: Bool?

  /// - Parameter file: the root of a tokenizer.json.
  init(_ file: JSONCursor) throws(Failure) {
    let model = try file.field("model")
    let steps = try file.optional("pre_tokenizer").map { (step) throws(Failure) in try Self.flat(step, "pretokenizers") } ?? []
    let changes = try file.optional("normalizer").map { (step) throws(Failure) in try Self.flat(step, "normalizers") } ?? []
    if steps.contains(where: { $0.value["type"] == "ByteLevel" }) {
      (self.model, addsSpacePrefix) = ("gpt2", nil)
      preTokenizer = try Self.name(steps, ignoresMerges: try model.optional("ignore_merges")?.bool() ?? false)
      // llama.cpp composes no characters: convert_hf_to_gguf.py leaves this step out as well.
      for step in changes where step.value["type"] != "NFC" { throw try Self.unknown(step, "normalizer") }
    } else if try model.optional("byte_fallback")?.bool() ?? false {
      (self.model, preTokenizer) = ("llama", "default")
      addsSpacePrefix = try Self.addsSpacePrefix(changes, steps)
    } else {
      throw model.failure("llama.cpp knows byte-level BPE and BPE with byte fallback, and the tokenizer is neither")
    }
  }

  /// The steps of a sequence, one after another.
  private static func flat(_ step: JSONCursor, _ field: String) throws(Failure) -> [JSONCursor] {
    guard step.value["type"] == "Sequence" else { return [step] }
    var steps: [JSONCursor] = []
    for element in try step.field(field).elements() { steps += try flat(element, field) }
    return steps
  }

  private static func unknown(_ step: JSONCursor, _ kind: String) throws(Failure) -> Failure {
    step.failure(
      "llama.cpp knows no such \(kind): \(step.value.text(indent: 0))", hint: "merge with --format safetensors")
  }
}

// MARK: - SentencePiece

extension GGUFTokenization {
  private static let mark = "▁"

  /// - Returns: whether a mark is put before a text.
  private static func addsSpacePrefix(_ changes: [JSONCursor], _ steps: [JSONCursor]) throws(Failure) -> Bool {
    let replaces: JSON = ["type": "Replace", "pattern": ["String": " "], "content": .string(mark)]
    let prepends: JSON = ["type": "Prepend", "prepend": .string(mark)]
    var (adds, marks) = (false, false)
    for change in changes {
      switch change.value {
      case prepends: adds = true
      case replaces: marks = true
      default: throw try unknown(change, "normalizer")
      }
    }
    for step in steps {
      if step.value["type"] == "Metaspace" {
        let metaspace = try Metaspace(step)
        guard metaspace.replacement == Array(mark.utf8) else { throw try unknown(step, "pre-tokenizer") }
        (adds, marks) = (adds || metaspace.prepends != .never, true)
      } else if step.value["pattern"] != ["String": " "] || !marks {
        throw try unknown(step, "pre-tokenizer")  // a split at spaces finds none any more
      }
    }
    return adds
  }
}

// MARK: - Byte-level BPE

extension GGUFTokenization {
  /// What llama.cpp calls the steps, with and without `ignore_merges`; "" where it knows only the other.
  private static let names: [(steps: [String], merging: String, ignoring: String)] = [
    (["words"], "gpt-2", ""), (["digits", "words"], "smollm", ""),
    (["split " + cl100k(digits: #"\p{N}{1,3}"#), "bytes"], "dbrx", "llama-bpe"),
    (["split " + cl100k(digits: #"\p{N}"#), "bytes"], "qwen2", ""),
    (["split " + o200k(endings: contractions + "?", digits: #"\p{N}{1,3}"#), "bytes"], "gpt-4o", ""),
    (["split " + o200k(endings: "", digits: #"\p{N}"#), "bytes"], "", "tekken"),
  ]

  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"

  private static func cl100k(digits: String) -> String {
    contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  private static func o200k(endings: String, digits: String) -> String {
    let (upper, lower) = (#"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}"#, #"\p{Ll}\p{Lm}\p{Lo}\p{M}"#)
    let start = #"[^\r\n\p{L}\p{N}]?"#
    return "\(start)[\(upper)]*[\(lower)]+\(endings)|\(start)[\(upper)]+[\(lower)]*\(endings)|\(digits)"
      + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  private static func name(_ steps: [JSONCursor], ignoresMerges: Bool) throws(Failure) -> String {
    var words: [String] = []
    for step in steps { words.append(try word(for: step)) }
    let known = names.first { $0.steps == words }
    let name = (ignoresMerges ? known?.ignoring : known?.merging) ?? ""
    guard !name.isEmpty else {
      throw steps[0].failure(
        "llama.cpp has no name for this pre-tokenizer\(known == nil ? "" : ignoresMerges ? " with ignore_merges" : " without ignore_merges")"
          + ": \(words.joined(separator: ", then "))", hint: "merge with --format safetensors")
    }
    return name
  }

  /// A step in short: `words` and `bytes` are ByteLevel with and without GPT-2's pattern.
  private static func word(for step: JSONCursor) throws(Failure) -> String {
    let value = step.value
    switch value["type"]?.stringValue {
    case "ByteLevel" where value["add_prefix_space"] != true: return value["use_regex"] == false ? "bytes" : "words"
    case "Digits" where value["individual_digits"] == true: return "digits"
    case "Split" where value["behavior"] == "Isolated" && value["invert"] != true:
      if let pattern = value["pattern"]?["Regex"]?.stringValue { return "split " + pattern }
    default: break
    }
    throw try unknown(step, "pre-tokenizer")
  }
}
