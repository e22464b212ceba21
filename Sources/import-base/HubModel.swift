import Checkpoint
import Failures
import Hub
import StageSupport

/// A model of the Hugging Face Hub, fetched into the cache that the Hub's other tools use too.
struct HubModel {
  let directory: String
  /// With the commit that was fetched as its revision.
  let source: HuggingFaceRepository

  /// - Throws: `Failure.missingInput` when there is no such model or its weights are not in the safetensors format,
  ///   `Failure.badData` when what comes is damaged, `Failure.io` when the Hub cannot be reached, `Failure.interrupted`.
  init(_ repository: HuggingFaceRepository, showing console: Console) throws(Failure) {
    let hub = HuggingFaceHub(try HubAccess(Console.environment), try HTTPClient { Interruption.isRequested })
    let snapshot = try HubSnapshot(of: repository, from: hub)
    (directory, source) = (snapshot.directory, repository.at(snapshot.commit))
    let hasSingleFile = snapshot.has(WeightFiles.singleFile)
    guard hasSingleFile || snapshot.has(WeightFiles.index) else {
      throw Failure(
        .missingInput, "'\(repository.id)' has no weights in the safetensors format",
        hint: "convert it with transformers' save_pretrained, then give the directory")
    }
    try snapshot.fetch(ModelDirectory.filesBesideWeights + (hasSingleFile ? [] : [WeightFiles.index]))
    var progress: ProgressBar?
    try snapshot.fetch(try hasSingleFile ? [WeightFiles.singleFile] : WeightFiles.names(in: directory)) {
      total in
      guard total > 0 else { return { _ in } }
      let bar = console.progress("downloading", total: total, unit: "byte")
      progress = bar
      return { bar.advance(by: $0) }
    }
    progress?.finish()
    console.note("'\(repository.id)' at commit \(snapshot.commit.prefix(12)) lies in \(directory)")
  }
}
