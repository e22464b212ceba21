#if canImport(Glibc)
  import Glibc
#endif

/// How the learning rate moves over the steps of a run, as transformers' `get_scheduler` computes it.
package enum LearningRateSchedule: String, Sendable, CaseIterable {
  /// Up to the peak over the warm-up, then straight down to zero at the horizon.
  case linear
  /// Up to the peak over the warm-up, then down half a cosine to zero at the horizon.
  case cosine
  /// Up to the peak over the warm-up, then the peak for ever.
  case constant
  /// Up, then the peak until `decaySteps` before the horizon, then down half a cosine to zero.
  case warmupStableDecay = "warmup_stable_decay"

  /// What the schedule is measured against, in optimiser steps.
  package struct Horizon: Sendable, Equatable {
    package let totalSteps: Int
    package let warmupSteps: Int
    /// Only for `warmupStableDecay`.
    package let decaySteps: Int

    package init(totalSteps: Int, warmupSteps: Int, decaySteps: Int) {
      self.totalSteps = totalSteps
      self.warmupSteps = warmupSteps
      self.decaySteps = decaySteps
    }

    /// The first step at which the stable phase of `warmupStableDecay` is over.
    var decayStart: Int { max(warmupSteps, totalSteps - decaySteps) }
  }

  /// The share of the peak rate that step `step` (counted from 0) takes.
  package func factor(at step: Int, _ horizon: Horizon) -> Double {
    if step < horizon.warmupSteps { return Double(step) / Double(horizon.warmupSteps) }
    let left = Double(max(1, horizon.totalSteps - horizon.warmupSteps))
    switch self {
    case .constant: return 1
    case .linear: return max(0, Double(horizon.totalSteps - step) / left)
    case .cosine: return halfCosine(Double(step - horizon.warmupSteps) / left)
    case .warmupStableDecay:
      guard step >= horizon.decayStart else { return 1 }
      return halfCosine(Double(step - horizon.decayStart) / Double(max(1, horizon.totalSteps - horizon.decayStart)))
    }
  }

  /// Whether the rates of the steps before `step` depend on where the horizon lies.
  package func dependsOnHorizon(before step: Int, _ horizon: Horizon) -> Bool {
    switch self {
    case .constant: false
    case .linear, .cosine: step > horizon.warmupSteps
    case .warmupStableDecay: step > horizon.decayStart
    }
  }

  private func halfCosine(_ progress: Double) -> Double {
    progress >= 1 ? 0 : max(0, 0.5 * (1 + cos(Double.pi * progress)))
  }
}
