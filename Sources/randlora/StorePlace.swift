import ArgumentParser
import Artifacts
import Failures
import Glibc
import Pipeline
import StageSupport

/// Where the store is, as the environment says.
enum StorePlace {
  /// `$RANDLORA_STORE`, nil when it is not set.
  static var named: String? { Console.environment("RANDLORA_STORE").flatMap { $0.isEmpty ? nil : $0 } }

  /// The store of a pipeline: at the place that was given, else where the environment says, else beside the file.
  static func open(of pipeline: PipelineFile, at given: String? = nil) throws(Failure) -> Store {
    try open(given ?? named ?? pipeline.storePath)
  }

  /// The store at a place, which a run makes where there is none, with those of `$RANDLORA_STORE_UPSTREAM` behind it.
  static func open(_ root: String) throws(Failure) -> Store {
    share(root)
    return try Store(root, upstream: upstream())
  }

  /// Names in `$RANDLORA_STORE_UPSTREAM` are separated as in `$PATH`.
  private static func upstream() throws(Failure) -> [Store] {
    let names = (Console.environment("RANDLORA_STORE_UPSTREAM") ?? "").split(separator: ":").map(String.init)
    return try names.map { name throws(Failure) in
      do throws(Failure) {
        return try Store(existing: name)
      } catch {
        throw Failure(
          error.kind, "RANDLORA_STORE_UPSTREAM: \(error.message)",
          hint: "take it out of the variable; or make an empty store: mkdir -p '\(name)/objects' '\(name)/actions'")
      }
    }
  }

  /// In a store that a group may write to, what this process and its stages make is for the group too.
  private static func share(_ root: String) {
    var status = stat()
    guard unsafe stat(root, &status) == 0 else { return }
    let mask = umask(0)
    umask(status.st_mode & S_IWGRP != 0 ? mask & ~0o070 : mask)
  }
}

/// How far known results are checked before they are used.
enum VerificationPolicy: String, CaseIterable, ExpressibleByArgument {
  case memoised, always

  var verification: Artifact.Verification { self == .always ? .always : .memoised }
}
