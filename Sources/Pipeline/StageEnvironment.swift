import Artifacts
import Failures
import FoundationEssentials
import Glibc

/// The environment variables that a stage declares: `environment: {LANG: C, MY_KEY: }`.
///
/// Their values are part of the action's key. One without a value is taken from the runner's own environment.
struct StageEnvironment: Sendable {
  private let entries: [(name: String, value: String?, cursor: YAMLCursor)]

  init(_ cursor: YAMLCursor?, _ variables: Variables) throws(Failure) {
    var entries: [(name: String, value: String?, cursor: YAMLCursor)] = []
    for (name, nameCursor, value) in try cursor?.members() ?? [] {
      guard name.isShellName else {
        throw nameCursor.failure("'\(name)' is no name for an environment variable")
      }
      let text = value.isNull ? nil : try variables.text(of: value)
      guard text?.utf8.contains(0) != true else { throw value.failure("a value cannot hold a null byte") }
      entries.append((name, text, nameCursor))
    }
    self.entries = entries
  }

  var names: [String] { entries.map(\.name) }

  /// - Throws: `Failure.badData` at the place of a variable that is to be taken over and is not set.
  func values() throws(Failure) -> [String: String] {
    var values: [String: String] = [:]
    for (name, declared, cursor) in entries {
      guard let value = declared ?? Self.own(name) else {
        throw cursor.failure(
          "the environment variable \(name) is not set", hint: "set it, or give it a value here")
      }
      values[name] = value
      if declared == nil { Witness.current?.note(variable: name, value) }
    }
    return values
  }

  private static func own(_ name: String) -> String? { unsafe getenv(name).map { unsafe String(cString: $0) } }

  /// Which servers are meant, where they are not the usual ones: declared by being named.
  /// - Parameter names: variables that say so.
  static func endpoints(_ names: [String]) -> [String: String] {
    names.reduce(into: [:]) { values, name in
      let endpoint = own(name) ?? ""
      Witness.current?.note(variable: name, endpoint)
      if !endpoint.isEmpty { values[name] = endpoint }
    }
  }

  // MARK: - What every stage gets

  /// What is passed on to stages undeclared: where things are, who one is and how to reach the network. None of
  /// it decides what a stage makes (but which servers are meant, see `endpoints`); whatever does must be declared, and everything else is
  /// left out.
  private static let passed: Set<String> = [
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LD_LIBRARY_PATH", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy",
    "no_proxy", "all_proxy",
  ]
  private static let passedPrefixes = ["XDG_", "HF_", "HUGGING", "AWS_", "RANDLORA_"]

  /// Fixed, so that sorting, messages and dates do not depend on the user's settings; and Python writes nothing beside the
  /// modules that it reads, which may be another stage's.
  private static let fixed = ["LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1"]

  /// The part of this process's environment that stages get.
  static var inherited: [String: String] {
    ProcessInfo.processInfo.environment
      .filter { name, _ in passed.contains(name) || passedPrefixes.contains { name.hasPrefix($0) } }
      .merging(fixed) { $1 }
  }

  /// What tells numerical libraries how many cores they have. Programs that share out their threads themselves
  /// (a parameter `threads`) want single-threaded ones.
  static func threads(_ count: Int) -> [String: String] {
    let names = [
      "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS",
    ]
    return Dictionary(uniqueKeysWithValues: names.map { ($0, "\(count)") })
  }
}

extension String {
  /// Whether a shell takes it for the name of a variable.
  var isShellName: Bool {
    guard let first = utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
    return utf8.allSatisfy { $0.isNameByte && $0 != UInt8(ascii: "-") }
  }
}
