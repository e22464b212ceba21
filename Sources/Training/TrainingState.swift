package import Adapters

/// All that the next optimiser step depends on, and how far training is.
package struct TrainingState: Sendable {
  package let adapter: Adapter
  /// AdamW's moments, and the number of steps taken.
  package internal(set) var moments: AdapterMoments
  package internal(set) var rowsSeen: Int
  package internal(set) var tokensSeen: Int
  package internal(set) var supervisedTokensSeen: Int
  /// Of the last step; nil before the first.
  package internal(set) var loss: Double?
  package internal(set) var learningRate: Double?

  /// Optimiser steps taken.
  package var step: Int { moments.step }

  /// A state in which nothing has been trained.
  package init(adapter: Adapter) {
    self.init(
      adapter: adapter, moments: AdapterMoments(layout: adapter.layout), rowsSeen: 0, tokensSeen: 0,
      supervisedTokensSeen: 0, loss: nil, learningRate: nil)
  }

  package init(
    adapter: Adapter, moments: AdapterMoments, rowsSeen: Int, tokensSeen: Int, supervisedTokensSeen: Int,
    loss: Double?, learningRate: Double?
  ) {
    self.adapter = adapter
    self.moments = moments
    self.rowsSeen = rowsSeen
    self.tokensSeen = tokensSeen
    self.supervisedTokensSeen = supervisedTokensSeen
    self.loss = loss
    self.learningRate = learningRate
  }
}
