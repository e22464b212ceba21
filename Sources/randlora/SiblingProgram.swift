import Artifacts
import Failures
import Glibc
import Pipeline
import StageSupport

/// A stage program, run in place of this one.
struct SiblingProgram {
  private let name: String

  init(_ name: String) { self.name = name }

  /// The runner's own executable.
  static var own: String {
    guard let path = unsafe realpath("/proc/self/exe", nil) else { return "./randlora" }
    defer { unsafe free(path) }
    return unsafe String(cString: path)
  }

  /// Where its siblings are.
  static var directory: String { Files.parent(of: own) }

  /// Becomes the program; ends this one with an error if there is none.
  func execute(_ arguments: [String]) {
    do throws(Failure) {
      guard !name.contains("/") else { throw unknown }
      let path = try LocalProcesses(siblings: Self.directory).locate(name)
      unsafe withArguments([path] + arguments) { _ = unsafe execv(path, $0) }
      throw Failure(.io, "cannot run \(path): \(errorText())")
    } catch {
      let failure = error.kind == .missingInput ? unknown : error
      Console.standard(quiet: false).report(failure)
      Glibc.exit(failure.kind.rawValue)
    }
  }

  private var unknown: Failure {
    Failure(
      .usage, "there is no command '\(name)', nor a stage program of this name beside randlora or on PATH",
      hint: "see 'randlora --help'")
  }

  private func withArguments(
    _ arguments: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Void
  ) {
    var pointers = unsafe arguments.map { unsafe strdup($0) } + [nil]
    unsafe body(&pointers)
    unsafe pointers.forEach { unsafe free($0) }
  }
}
