/// What rows are for.
package enum DatasetSplit: String, Sendable, CaseIterable, BitwiseCopyable {
  case train, validation, test

  /// Among all.
  var position: Int {
    switch self {
    case .train: 0
    case .validation: 1
    case .test: 2
    }
  }

  private static let names: [(split: DatasetSplit, words: [String])] = [
    (.train, ["train", "training"]), (.validation, ["validation", "valid", "val", "dev"]),
    (.test, ["test", "tests", "testing", "eval", "evaluation"]),
  ]

  /// The split that a file's name says, such as `data/train-00000-of-00002.parquet` or `roman.test.jsonl`: a word of
  /// the name itself, else the whole name of its directory.
  package init?(path: String) {
    let parts = path.split(separator: "/").map { $0.lowercased() }
    let words = (parts.last ?? "").split { !$0.isLetter }.map(String.init)
    let found = words.lazy.compactMap(Self.init(word:)).first
    guard let split = found ?? parts.dropLast().last.flatMap(Self.init(word:)) else { return nil }
    self = split
  }

  private init?(word: String) {
    guard let split = Self.names.first(where: { $0.words.contains(word) })?.split else { return nil }
    self = split
  }
}
