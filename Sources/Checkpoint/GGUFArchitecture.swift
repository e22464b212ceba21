/// A family of models as llama.cpp knows it: under which name, and what it computes of what the family may ask for
/// (llama.cpp's src/models, one file each).
package struct GGUFArchitecture: Sendable, Equatable {
  /// Rope types beside "default".
  enum Scaling: String, Sendable {
    case linear, dynamic, llama3, yarn, longrope
  }

  enum Head: Sendable {
    case any, tied, own
  }

  /// `general.architecture`, which also stands before the names of the architecture's own metadata.
  package let name: String
  /// Whether neighbouring entries of a head are rotated together, and not those half a head apart: the rows of queries
  /// and keys are reordered for it.
  var rotatesNeighbours = false
  var scalings: Set<Scaling> = [.linear, .yarn]
  /// Whether o_proj and the feed-forward layers may have biases.
  var takesBiases = false
  /// Whether heads may have another width than D / H.
  var takesHeadWidth = true
  var head = Head.any
  /// All layers but each so many-th have a window; nil: windows are not computed.
  var windowPattern: Int?
  /// The number of layers of the one model whose scores are divided by sqrt(D / H) and not by sqrt(d), where the
  /// architecture is not told the scale.
  var layersOfOtherScale: Int?
}
