import CKernels

/// Softmax cross-entropy over the vocabulary.
package enum CrossEntropy {
  /// Turns logits into the gradient of `weight · Σ nll`.
  /// - Parameters:
  ///   - logits: (rows, V), overwritten with the gradient.
  ///   - targets: (rows), ids below V.
  ///   - weight: what each row's loss is multiplied with.
  /// - Returns: each row's negative log-likelihood, and whether the target had the largest logit.
  package static func forwardBackward(
    logits: Tensor, targets: ArraySlice<Int32>, weight: Float
  ) -> (nll: [Float], correct: [Bool]) {
    let rows = targets.count
    let V = logits.count / max(rows, 1)
    precondition(targets.allSatisfy { $0 >= 0 && $0 < V })
    let nll = Tensor(unfilled: [rows]), hits = Tensor(unfilled: [rows])
    Parallel.forEach(rows) { row in
      var target = targets[targets.startIndex + row]
      var correct: UInt8 = 0
      unsafe rl_cross_entropy(1, V, weight, &target, logits.pointer + row * V, nll.pointer + row, &correct)
      unsafe hits.pointer[row] = Float(correct)
    }
    return (nll.array, hits.array.map { $0 != 0 })
  }
}
