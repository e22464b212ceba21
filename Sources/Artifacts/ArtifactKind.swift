/// What an artifact holds. The raw value stands in the manifest as `kind` and names the kind's own section.
package enum ArtifactKind: String, CaseIterable, Sendable {
  /// A pretrained model: its files stay where they are and are referred to by digest.
  case base
  /// Tokenised training and validation rows.
  case dataset
  /// The state of a training after some step (also before the first).
  case checkpoint
  /// An adapter exported in PEFT's layout.
  case adapter
  /// How well a model does on a dataset.
  case evaluation
  /// A merged model: a Hugging Face directory.
  case model
  /// The proof that an artifact was published somewhere.
  case receipt
  /// Files that a command of the user's own made.
  case directory

  /// The newest `schema_version` that this code reads and writes.
  package var schemaVersion: Int { 1 }

  /// The kind with its article, as messages name it.
  package var words: String {
    switch self {
    case .adapter, .evaluation: "an \(rawValue)"
    case .base, .dataset, .checkpoint, .model, .receipt, .directory: "a \(rawValue)"
    }
  }
}
