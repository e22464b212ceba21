package import Failures
import JSON

/// The special tokens that config.json or generation_config.json names.
package struct SpecialTokens: Sendable, Equatable {
  /// `bos_token_id`
  package let bosID: Int?
  /// `eos_token_id`: generation stops at any of them.
  package let eosIDs: [Int]
  /// `pad_token_id`
  package let padID: Int?

  /// - Parameter file: the path of a generation_config.json. Fields that it does not have are none.
  package init(generationConfiguration file: String, vocabularySize: Int) throws(Failure) {
    let cursor = try JSONDocument(try MappedFile(file).contents, source: file).cursor
    try self.init(cursor, defaults: ModelFamily.Tokens(), vocabularySize: vocabularySize)
  }

  /// - Parameters:
  ///   - config: the root of either file.
  ///   - defaults: what absent fields mean; a null field always means none.
  init(_ config: JSONCursor, defaults: ModelFamily.Tokens, vocabularySize: Int) throws(Failure) {
    func token(_ name: String, absent: Int?) throws(Failure) -> Int? {
      guard config.value[name] != nil else { return absent.flatMap { $0 < vocabularySize ? $0 : nil } }
      return try config.optional(name)?.integer(in: 0..<vocabularySize)
    }
    bosID = try token("bos_token_id", absent: defaults.bos)
    if let list = try config.optional("eos_token_id"), case .array = list.value {
      var ids: [Int] = []
      for element in try list.elements() { ids.append(try element.integer(in: 0..<vocabularySize)) }
      eosIDs = ids
    } else {
      eosIDs = try token("eos_token_id", absent: defaults.eos).map { [$0] } ?? []
    }
    let isNone = try config.optional("pad_token_id")?.integer() == -1  // as old Llama files have it
    padID = isNone ? nil : try token("pad_token_id", absent: defaults.pad)
  }
}
