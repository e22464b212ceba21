import Artifacts
package import Datasets
package import Failures

/// Templates of the user's are files of at most this size.
private let largestTemplate = 1 << 20

extension PromptTemplate {
  /// Reads a template of the user's.
  package init(file: String) throws(Failure) {
    try self.init(try Files.contents(of: file, limit: largestTemplate), file: file)
  }
}

extension ChatOptions {
  /// Takes a chat template of the user's in place of the base's own.
  package mutating func readTemplate(file: String) throws(Failure) {
    template = (try Files.contents(of: file, limit: largestTemplate), file)
  }
}
