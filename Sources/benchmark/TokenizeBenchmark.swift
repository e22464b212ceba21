import ArgumentParser
import Failures
import JSON
import StageSupport
import Tokenizer

/// Times a tokenizer on a text, on one thread.
struct TokenizeBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize", abstract: "Time a tokenizer on a text, on one thread.",
    discussion: """
      'Tests/interop/tokenizers_interop.py' runs this and Hugging Face 'tokenizers' in alternation on the same texts, \
      compares every token, and prints the ratio of their speeds.
      """)

  @Option(help: "A tokenizer.json.", completion: .file()) var tokenizer: String
  @Option(help: "A file of text.", completion: .file()) var text: String
  @Option(help: "What stands between the texts of the file that are tokenized one by one.") var separator =
    "\n"
  @Option(help: "How often all texts are tokenized; each time is reported.") var repeats = 5
  @Flag(help: "Track where each token stands, as preparing instructions and chats does.") var spans = false
  @Flag(help: "Report every text's ids, offsets and decoded text, once, in place of times.") var tokens =
    false

  func validate() throws {
    guard repeats >= 1 else { throw ValidationError("--repeats must be at least 1") }
    guard !separator.isEmpty else { throw ValidationError("--separator is empty") }
  }

  func run() throws {
    let tokenizer = try Tokenizer(tokenizerFile: tokenizer, configurationFile: nil)
    let whole = String(decoding: try [UInt8](contentsOfFile: text), as: UTF8.self)
    // By bytes: \r\n is one character of Swift's.
    let texts = whole.utf8Parts(separatedBy: separator)
    if tokens {
      return Console.printResult(JSON.array(try texts.map { try encoded($0, tokenizer) }).text(indent: 0))
    }
    var result = TokenizeResult(bytes: texts.reduce(0) { $0 + $1.utf8.count }, texts: texts.count)
    for _ in 0..<repeats { try result.time { try count(texts, tokenizer) } }
    Console.standard(quiet: false).table(result.table)
    Console.printResult(
      JSON.object([
        "settings": ["tokenizer": .string(self.tokenizer), "text": .string(text), "spans": .bool(spans)],
        "result": .object(result.json),
      ]).text())
  }

  /// Tokenizes everything; the number of tokens.
  private func count(_ texts: [String], _ tokenizer: Tokenizer) throws(Failure) -> Int {
    var count = 0
    for text in texts {
      count +=
        spans
        ? try tokenizer.encodeWithSpans(text, addSpecialTokens: false).ids.count
        : try tokenizer.encode(text, addSpecialTokens: false).count
    }
    return count
  }

  private func encoded(_ text: String, _ tokenizer: Tokenizer) throws(Failure) -> JSON {
    let encoding = try tokenizer.encodeWithSpans(text, addSpecialTokens: false)
    let offsets = tokenizer.scalarOffsets(of: encoding, in: text)
    return [
      "ids": .array(encoding.ids.map { .integer(Int($0)) }),
      "ids_with_special": .array(
        try tokenizer.encode(text, addSpecialTokens: true).map { .integer(Int($0)) }),
      "offsets": .array(offsets.map { [.integer($0.lowerBound), .integer($0.upperBound)] }),
      "decoded": .string(tokenizer.decode(encoding.ids, skipSpecialTokens: false)),
    ]
  }
}

/// What timing a tokenizer gave.
private struct TokenizeResult {
  let bytes: Int
  let texts: Int
  private var tokens = 0
  /// Of each repetition, by the clock and by the processor.
  private var seconds: [Double] = []
  private var processorSeconds: [Double] = []

  init(bytes: Int, texts: Int) { (self.bytes, self.texts) = (bytes, texts) }

  mutating func time(_ body: () throws -> Int) rethrows {
    let (start, processorStart) = (Console.monotonicSeconds(), RunEnvironment.processorSeconds)
    tokens = try body()
    seconds.append(Console.monotonicSeconds() - start)
    processorSeconds.append(RunEnvironment.processorSeconds - processorStart)
  }

  private var rate: Double { Double(bytes) / processorSeconds.sorted()[processorSeconds.count / 2] }

  var json: JSONObject {
    [
      "bytes": .integer(bytes), "texts": .integer(texts), "tokens": .integer(tokens),
      "seconds": .array(seconds.map { .number($0) }),
      "processor_seconds": .array(processorSeconds.map { .number($0) }), "bytes_per_second": .number(rate),
    ]
  }

  var table: TextTable {
    var table = TextTable(.text("measured"), .number(""))
    table.add("texts", NumberText.count(texts))
    table.add("tokens", NumberText.count(tokens))
    table.add("text a processor second", NumberText.bytes(Int(rate)))
    return table
  }
}

extension String {
  /// The stretches between the occurrences of a separator, compared byte by byte: to Swift, \r\n is one character.
  fileprivate func utf8Parts(separatedBy separator: String) -> [String] {
    let (bytes, mark) = (Array(utf8), Array(separator.utf8))
    var parts: [String] = []
    var (start, index) = (0, 0)
    while index + mark.count <= bytes.count {
      guard bytes[index] == mark[0], bytes[index..<index + mark.count].elementsEqual(mark) else {
        index += 1; continue
      }
      parts.append(String(decoding: bytes[start..<index], as: UTF8.self))
      index += mark.count
      start = index
    }
    return parts + [String(decoding: bytes[start...], as: UTF8.self)]
  }
}
