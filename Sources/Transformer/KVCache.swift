import Tensor

/// The keys and values of tokens already seen, for rows that are generated together.
package final class KVCache {
  /// One layer's cache: for each row a (capacity, K·d) tensor of keys and one of values.
  struct Layer: Sendable {
    let keys, values: [Tensor]
    /// Tokens a row has seen before this pass.
    let lengths: [Int]

    /// Adds the new keys and values of each row, and says what the rows' queries attend to.
    /// - Parameters:
    ///   - k, v: (T, K·d)
    func append(_ k: Tensor, _ v: Tensor, rows: Rows) -> [Attention.Segment] {
      rows.spans.enumerated().map { row, span in
        keys[row].copyRows(of: k, span, to: lengths[row])
        values[row].copyRows(of: v, span, to: lengths[row])
        return Attention.Segment(
          queries: span, keys: keys[row], values: values[row], keyOffset: 0,
          keyCount: lengths[row] + span.count)
      }
    }
  }

  private var keys: [[Tensor]]  // by layer, then row
  private var values: [[Tensor]]
  /// Tokens that each row has seen.
  package private(set) var lengths: [Int]

  /// - Parameters:
  ///   - capacities: the most tokens that each row will see.
  ///   - width: K·d
  package init(layers: Int, capacities: [Int], width: Int) {
    keys = (0..<layers).map { _ in capacities.map { Tensor($0, width) } }
    values = (0..<layers).map { _ in capacities.map { Tensor($0, width) } }
    lengths = capacities.map { _ in 0 }
  }

  func layer(_ index: Int) -> Layer { Layer(keys: keys[index], values: values[index], lengths: lengths) }

  /// Counts the tokens of a pass as seen, once all layers have added theirs.
  func advance(by rows: Rows) {
    for (row, span) in rows.spans.enumerated() { lengths[row] += span.count }
  }

  /// Forgets what a row has seen.
  func empty(row: Int) { lengths[row] = 0 }

  /// Drops all rows but those named, in that order.
  package func keep(rows: [Int]) {
    keys = keys.map { layer in rows.map { layer[$0] } }
    values = values.map { layer in rows.map { layer[$0] } }
    lengths = rows.map { lengths[$0] }
  }
}
