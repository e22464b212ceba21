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

  /// An artifact by directory, digits or stage, and the store that knows how it came about; nil where there is none.
  func find(_ text: String) throws(Failure) -> (artifact: Artifact, store: Store?) {
    let reference = ArtifactReference(text)
    guard reference.isDirectory else {
      let store = try open()
      return (try reference.artifact(in: store), store)
    }
    let around = store ?? ArtifactReference.store(around: text) ?? StorePlace.named ?? ".randlora"
    let known = Files.isDirectory(around + "/actions") ? try Store(existing: around) : nil
    return (try reference.artifact(in: known), known)
  }

  static let artifactHelp: ArgumentHelp =
    "The artifact: its directory, the first digits of its digest, or the stage whose latest result it is."
}
