import ArgumentParser
import Artifacts
import Failures
import Pipeline

/// Which store a question is about.
struct StoreOptions: ParsableArguments {
  @Option(
    help: "The store; else RANDLORA_STORE, else .randlora in the working directory.", completion: .directory)
  var store: String?

  func open() throws(Failure) -> Store { try Store(existing: store ?? StorePlace.named ?? ".randlora") }
}
