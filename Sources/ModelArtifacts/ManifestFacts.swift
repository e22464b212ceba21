import Failures
import JSON

extension JSONCursor {
  /// Refuses a manifest that says something else than the files it describes: it was edited after it was made.
  ///
  /// - Parameters:
  ///   - facts: fields of this object as the files have them.
  ///   - source: what says so ("config.json").
  /// - Throws: `Failure.badData` naming the field.
  func require(_ facts: JSONObject, as source: String) throws(Failure) {
    for (name, fact) in facts.members {
      let claim = try field(name)
      if claim.value == fact { continue }
      if let inner = fact.objectValue, claim.value.objectValue != nil {
        try claim.allowOnly(inner.keys)
        try claim.require(inner, as: source)
      }
      throw claim.failure(
        "the manifest says \(claim.value.text(indent: 0)), but \(source) says \(fact.text(indent: 0))",
        hint: "the artifact was changed after it was made: make it again")
    }
  }
}
