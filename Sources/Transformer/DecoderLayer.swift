import Tensor

/// One layer of a decoder: an attention block, then a feed-forward block.
struct DecoderLayer: Sendable {
  let attention: AttentionBlock
  let feedForward: FeedForwardBlock

  /// In the order of their slots.
  var linears: [Linear] { attention.linears + feedForward.linears }

  /// What the backward pass needs of the forward pass.
  struct Activations {
    let attention: AttentionBlock.Activations
    let feedForward: FeedForwardBlock.Activations
  }

  /// - Parameters:
  ///   - x: (T, D)
  ///   - cache: earlier keys and values of the rows, which the rows' own are added to; nil in training.
  /// - Returns: the layer's output, (T, D), and what `backward` needs.
  func forward(_ x: Tensor, pass: Pass, cache: KVCache.Layer? = nil) -> (y: Tensor, Activations) {
    let (middle, attended) = attention.forward(x, pass: pass, cache: cache)
    let (y, fed) = feedForward.forward(middle, pass: pass)
    return (y, Activations(attention: attended, feedForward: fed))
  }

  /// Turns the gradient of the output into that of the input, in place.
  /// - Parameters:
  ///   - d: (T, D)
  ///   - saved: consumed.
  ///   - inputGradient: whether anything below this layer needs a gradient; if not, `d` is left undefined.
  func backward(_ d: Tensor, _ saved: Activations, pass: Pass, inputGradient: Bool) {
    feedForward.backward(d, saved.feedForward, pass: pass)
    attention.backward(d, saved.attention, pass: pass, inputGradient: inputGradient)
  }
}

/// A value formed at first use and kept.
final class Recomputed<Value> {
  private let form: () -> Value
  private(set) lazy var value = form()

  init(_ form: @escaping () -> Value) { self.form = form }
}
