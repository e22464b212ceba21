import CKernels

/// The entries of a layer's input (T, in) that dropout drops: few enough that leaving them out costs less than a
/// product of its own.
///
/// `dropout(x) · ΔWᵀ = s · x · ΔWᵀ − s · dropped(x) · ΔWᵀ` with s = 1 / (1 − p): the first term is folded into the
/// frozen weight's product, the second is what these functions compute.
package struct DroppedEntries: Sendable {
  /// Where the entries of each token begin, and where the last one's end, (T + 1).
  private let offsets: [Int]
  /// The features, ascending within a token.
  private let features: [Int32]
  /// The width of the input.
  private let width: Int
  /// s
  package let scale: Float

  /// Features, or outputs, whose part of ΔW is transposed and used at a time.
  private static let panel = 64
  /// Tokens that one thread takes at a time.
  private static let tokens = 256

  init(offsets: [Int], features: [Int32], width: Int, scale: Float) {
    (self.offsets, self.features, self.width, self.scale) = (offsets, features, width, scale)
  }

  private var count: Int { offsets.count - 1 }

  /// `dropout(x)`, (T, in).
  package func kept(_ x: Tensor) -> Tensor {
    precondition(x.count == count * width)
    let result = Tensor(shape: x.shape)
    Parallel.forEachRange(of: count, by: 16) { range in
      let start = range.lowerBound * width
      unsafe rl_multiply_add(range.count * width, scale, x.pointer + start, result.pointer + start)
      for token in range {
        for entry in offsets[token]..<offsets[token + 1] {
          unsafe result.pointer[token * width + Int(features[entry])] = 0
        }
      }
    }
    return result
  }

  /// `y −= s · dropped(x) · ΔWᵀ`
  /// - Parameters:
  ///   - x: (T, in)
  ///   - delta: ΔW (out, in)
  ///   - y: (T, out)
  package func subtract(_ x: Tensor, times delta: Tensor, from y: Tensor) {
    let outputs = delta.count / width
    precondition(x.count == count * width && y.count == count * outputs)
    forEachPiece(of: outputs) { panel, tokens in
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: width * (panel.count + 1)) { scratch in
        guard let transposed = scratch.baseAddress else { return }
        let factors = unsafe transposed + width * panel.count
        unsafe rl_transpose(
          panel.count, width, width, delta.pointer + panel.lowerBound * width, panel.count, transposed)
        for token in tokens {
          unsafe withFeatures(offsets[token]..<offsets[token + 1]) { features, n in
            for entry in 0..<n {
              unsafe factors[entry] = -scale * x.pointer[token * width + Int(features[entry])]
            }
            unsafe rl_sparse_row(
              panel.count, n, features, factors, panel.count, transposed,
              y.pointer + token * outputs + panel.lowerBound)
          }
        }
      }
    }
  }

  /// `dX −= s · (dY · ΔW)` where the input was dropped.
  /// - Parameters:
  ///   - dY: (T, out)
  ///   - delta: ΔW (out, in)
  ///   - dX: (T, in)
  package func subtractGradient(_ dY: Tensor, times delta: Tensor, from dX: Tensor) {
    let outputs = delta.count / width
    precondition(dX.count == count * width && dY.count == count * outputs)
    forEachPiece(of: width) { panel, tokens in
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: outputs * panel.count) { scratch in
        guard let transposed = scratch.baseAddress else { return }
        unsafe rl_transpose(
          outputs, panel.count, width, delta.pointer + panel.lowerBound, outputs, transposed)
        for token in tokens {
          unsafe withFeatures(entries(of: token, in: panel)) { features, n in
            unsafe rl_sampled_products(
              outputs, n, features, Int32(panel.lowerBound), -scale, dY.pointer + token * outputs, outputs,
              transposed, dX.pointer + token * width)
          }
        }
      }
    }
  }

  private func forEachPiece(of size: Int, _ body: @Sendable (_ panel: Range<Int>, _ tokens: Range<Int>) -> Void) {
    let panels = (size + Self.panel - 1) / Self.panel
    Parallel.forEach(panels * ((count + Self.tokens - 1) / Self.tokens)) { index in
      let first = index % panels * Self.panel, token = index / panels * Self.tokens
      body(first..<min(first + Self.panel, size), token..<min(token + Self.tokens, count))
    }
  }

  /// The entries of a token whose features lie in a panel.
  private func entries(of token: Int, in panel: Range<Int>) -> Range<Int> {
    let all = features[offsets[token]..<offsets[token + 1]]
    let start = all.firstIndex { $0 >= panel.lowerBound } ?? all.endIndex
    return start..<(all[start...].firstIndex { $0 >= panel.upperBound } ?? all.endIndex)
  }

  private func withFeatures(_ entries: Range<Int>, _ body: (UnsafePointer<Int32>, Int) -> Void) {
    unsafe features.withUnsafeBufferPointer { features in
      guard !entries.isEmpty, let base = features.baseAddress else { return }
      unsafe body(base + entries.lowerBound, entries.count)
    }
  }
}

extension Dropout {
  /// What is dropped of a layer's input (T, `width`).
  package func dropped(_ rows: Rows, width: Int, module: Int) -> DroppedEntries {
    let tokens = rows.tokens
    let places = Tensor(tokens, width)  // room for the features of each token, as integers
    var counts = [Int](repeating: 0, count: tokens)
    unsafe counts.withUnsafeMutableBufferPointer { counts in
      nonisolated(unsafe) let counts = unsafe counts
      Parallel.forEachRange(of: tokens, by: 16) { range in
        for token in range {
          let features = unsafe UnsafeMutableRawPointer(places.pointer + token * width)
          unsafe counts[token] = rl_dropout_dropped(
            width, rule(module), rows.keys[token], rows.positions[token],
            features.assumingMemoryBound(to: Int32.self))
        }
      }
    }
    var offsets = [0], features: [Int32] = []
    features.reserveCapacity(counts.reduce(0, +))
    for token in 0..<tokens {
      let start = unsafe UnsafeRawPointer(places.pointer + token * width).assumingMemoryBound(to: Int32.self)
      unsafe features.append(contentsOf: UnsafeBufferPointer(start: start, count: counts[token]))
      offsets.append(features.count)
    }
    return DroppedEntries(offsets: offsets, features: features, width: width, scale: Float(1 / (1 - probability)))
  }
}
