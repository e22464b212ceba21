package import Failures

/// A repository of the Hugging Face Hub: `[datasets/|spaces/]ORG/NAME[@REVISION]`.
package struct HuggingFaceRepository: Sendable, Equatable, CustomStringConvertible {
  package enum Kind: String, Sendable {
    case model, dataset, space

    /// What stands before the name in URLs.
    var prefix: String { self == .model ? "" : rawValue + "s/" }
  }

  package let kind: Kind
  /// `ORG/NAME`.
  package let id: String
  /// A branch, a tag or a commit; nil for the repository's main branch.
  package let revision: String?

  /// The revision, which is the main branch when none is named.
  var revisionName: String { revision ?? "main" }

  package var description: String { kind.prefix + id + (revision.map { "@\($0)" } ?? "") }

  /// The same repository at a certain revision.
  package func at(_ revision: String) -> HuggingFaceRepository {
    HuggingFaceRepository(kind: kind, id: id, revision: revision)
  }

  private init(kind: Kind, id: String, revision: String?) { (self.kind, self.id, self.revision) = (kind, id, revision) }

  /// A model's id as people write it: `ORG/NAME[@REVISION]`.
  ///
  /// - Throws: `Failure.usage` saying what is wrong with it.
  package init(modelID text: String) throws(Failure) {
    let (id, revision) = Self.split(text)
    if let reason = Self.problem(id: id) ?? revision.flatMap(Self.problem(revision:)) {
      throw Failure(
        .usage, "'\(text)' is no id of a model on the Hugging Face Hub: \(reason)",
        hint: "write ORG/NAME[@REVISION]")
    }
    (self.kind, self.id, self.revision) = (.model, id, revision)
  }

  /// - Parameters:
  ///   - text: what follows `hf://`.
  ///   - uri: the whole URI, for the error.
  init(_ text: String, in uri: String) throws(Failure) {
    var text = text
    kind = [Kind.dataset, .space].first { text.hasPrefix($0.prefix) } ?? .model
    text.removeFirst(kind.prefix.count)
    (id, revision) = Self.split(text)
    if let reason = Self.problem(id: id) ?? revision.flatMap(Self.problem(revision:)) {
      throw Destination.malformed(uri, reason)
    }
  }

  private static func split(_ text: String) -> (id: String, revision: String?) {
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    return (parts[0], parts.count > 1 ? parts[1] : nil)
  }

  /// What the Hub would refuse about an id (`huggingface_hub`, `validate_repo_id`); nil when it is well formed.
  private static func problem(id: String) -> String? {
    let parts = id.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return "'\(id)' is not of the form ORG/NAME" }
    if id.utf8.count > 96 { return "'\(id)' has more than 96 characters" }
    for part in parts {
      let isAllowed = part.utf8.allSatisfy { isLetterOrDigit($0) || "._-".utf8.contains($0) }
      let edges = [part.first, part.last]
      if part.isEmpty || !isAllowed || edges.contains("-") || edges.contains(".") || part.contains("--")
        || part.contains("..") || part.hasSuffix(".git")
      {
        return "'\(part)' is no name on the Hub (letters, digits, and '.', '_', '-' inside)"
      }
    }
    return nil
  }

  /// What git would refuse about a name of a branch or tag (git-check-ref-format).
  private static func problem(revision: String) -> String? {
    let segments = revision.split(separator: "/", omittingEmptySubsequences: false)
    let isAllowed = revision.utf8.allSatisfy { isLetterOrDigit($0) || "._-/+".utf8.contains($0) }
    guard isAllowed, !revision.contains(".."), !revision.hasPrefix("-"),
      segments.allSatisfy({
        !$0.isEmpty && !$0.hasPrefix(".") && !$0.hasSuffix(".") && !$0.hasSuffix(".lock")
      })
    else { return "'\(revision)' is no branch, tag or commit" }
    return nil
  }
}
