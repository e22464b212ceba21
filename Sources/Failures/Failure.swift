/// The one error that randlora throws: a sentence for a person, and the kind that decides the exit code.
///
/// A message says what is wrong and where (file, line, field or tensor; found and expected); the hint
/// says what to do. Libraries throw it, programs print it.
package struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
  /// What went wrong, as sysexits(3) sorts failures. The raw value is the exit code.
  package enum Kind: Int32, Sendable {
    /// The command line does not make sense (64).
    case usage = 64
    /// An input exists but its content is wrong (65).
    case badData = 65
    /// An input does not exist or cannot be opened (66).
    case missingInput = 66
    /// Somebody else is using what is needed, and we were not to wait (69).
    case busy = 69
    /// A bug of ours (70).
    case `internal` = 70
    /// The output exists and differs from what would be written (73).
    case outputExists = 73
    /// Reading or writing failed (74).
    case io = 74
    /// Stopped on request; the same command continues (75).
    case interrupted = 75
  }

  package var kind: Kind
  package var message: String
  package var hint: String?

  package init(_ kind: Kind, _ message: String, hint: String? = nil) {
    self.kind = kind
    self.message = message
    self.hint = hint
  }

  package var description: String {
    hint.map { "\(message)\nhint: \($0)" } ?? message
  }
}
