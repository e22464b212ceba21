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
    let hub = try HuggingFaceHub(environment: Console.environment) { Interruption.isRequested }
    let snapshot = try HubSnapshot(of: repository, from: hub)
    (directory, source) = (snapshot.directory, repository.at(snapshot.commit))
    let hasSingleFile = snapshot.has(WeightFiles.singleFile)
    guard hasSingleFile || snapshot.has(WeightFiles.index) else {
      throw Failure(
        .missingInput, "'\(repository.id)' has no weights in the safetensors format",
        hint: "convert it with transformers' save_pretrained, then give the directory")
    }
    try snapshot.fetch(ModelDirectory.filesBesideWeights + (hasSingleFile ? [] : [WeightFiles.index]))
    let weights = try hasSingleFile ? [WeightFiles.singleFile] : WeightFiles.names(in: directory)
    try console.transfer("downloading") { begin throws(Failure) in try snapshot.fetch(weights, progress: begin) }
    console.note("'\(repository.id)' at commit \(snapshot.commit.prefix(12)) lies in \(directory)")
  }
}
