import Failures
import JSON
import Tensor
import Testing
import Training

@Suite struct LearningRateScheduleTests {
  private let horizon = LearningRateSchedule.Horizon(totalSteps: 10, warmupSteps: 2, decaySteps: 4)

  @Test func factorsFollowTransformers() {
    func factors(_ schedule: LearningRateSchedule) -> [Double] {
      (0..<11).map { (schedule.factor(at: $0, horizon) * 1000).rounded() / 1000 }
    }
    #expect(factors(.linear) == [0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0])
    #expect(factors(.cosine) == [0, 0.5, 1, 0.962, 0.854, 0.691, 0.5, 0.309, 0.146, 0.038, 0])
    #expect(factors(.constant) == [0, 0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    #expect(factors(.warmupStableDecay) == [0, 0.5, 1, 1, 1, 1, 1, 0.854, 0.5, 0.146, 0])
  }

  @Test func theHorizonCountsOnlyOnceARateDependedOnIt() {
    for schedule in LearningRateSchedule.allCases {
      let other = LearningRateSchedule.Horizon(totalSteps: 17, warmupSteps: 2, decaySteps: 4)
      for step in 0...10 where !schedule.dependsOnHorizon(before: step, horizon) {
        for earlier in 0..<step {
          #expect(schedule.factor(at: earlier, horizon) == schedule.factor(at: earlier, other), "\(schedule) \(step)")
        }
      }
    }
    #expect(!LearningRateSchedule.linear.dependsOnHorizon(before: 2, horizon))
    #expect(LearningRateSchedule.linear.dependsOnHorizon(before: 4, horizon))
    #expect(!LearningRateSchedule.constant.dependsOnHorizon(before: 10, horizon))
    #expect(!LearningRateSchedule.warmupStableDecay.dependsOnHorizon(before: 6, horizon))
    #expect(LearningRateSchedule.warmupStableDecay.dependsOnHorizon(before: 8, horizon))
  }
}

@Suite struct RowScheduleTests {
  private func schedule(rows: Int, shuffle: Bool = true, seed: Int = 1) -> RowSchedule {
    RowSchedule(rows: rows, batchSize: 2, gradientAccumulationSteps: 2, seed: seed, shuffle: shuffle)
  }

  @Test func anEpochVisitsEveryRowOnceAndItsLastWindowIsShort() {
    let schedule = schedule(rows: 10)
    #expect(schedule.stepsPerEpoch == 3)
    for epoch in 0..<3 {
      let windows = (0..<3).map { schedule.rows(ofStep: epoch * 3 + $0) }
      #expect(windows.map(\.count) == [4, 4, 2])
      #expect(windows.flatMap { $0 }.sorted() == Array(0..<10))
    }
    for steps in 0...7 {
      let seen = schedule.rowsSeen(after: steps)
      #expect(seen.epochs == steps / 3)
      #expect(seen.rest == (3 * seen.epochs..<steps).flatMap { schedule.rows(ofStep: $0) })
    }
  }

  @Test func epochsAndSeedsHaveOrdersOfTheirOwn() {
    let first = schedule(rows: 100)
    #expect(first.rows(ofStep: 0) == schedule(rows: 100).rows(ofStep: 0))
    #expect(first.rows(ofStep: 0) != first.rows(ofStep: 25))
    #expect(first.rows(ofStep: 0) != schedule(rows: 100, seed: 2).rows(ofStep: 0))
    #expect(schedule(rows: 100, shuffle: false).rows(ofStep: 26) == [4, 5, 6, 7])
  }
}

@Suite struct TrainingRecipeTests {
  private func recipe(total: Int = 100, schedule: LearningRateSchedule = .linear) -> TrainingRecipe {
    TrainingRecipe(
      learningRate: 0.001, schedule: schedule,
      horizon: .init(totalSteps: total, warmupSteps: 10, decaySteps: 20), optimizer: AdamW(weightDecay: 0.01),
      maxGradientNorm: 1, batchSize: 4, gradientAccumulationSteps: 2, seed: 7, shuffle: true)
  }

  @Test func nothingInfluencesTheFirstState() { #expect(recipe().influences(step: 0).isEmpty) }

  @Test func aLongerRunSharesTheBeginningOfAShorterOneWhereItCan() {
    #expect(recipe(total: 100).influences(step: 10) == recipe(total: 200).influences(step: 10))
    #expect(recipe(total: 100).influences(step: 11) != recipe(total: 200).influences(step: 11))
    let constant = (recipe(total: 100, schedule: .constant), recipe(total: 200, schedule: .constant))
    #expect(constant.0.influences(step: 100) == constant.1.influences(step: 100))
  }

  @Test func aCheckpointOfAnotherRecipeIsRefusedByTheParametersName() {
    var other = recipe()
    other.learningRate = 0.002
    let error = #expect(throws: Failure.self) { try other.check(continues: recipe().influences(step: 5), step: 5) }
    #expect(
      error == Failure(
        .badData, "the checkpoint at step 5 was trained with learning-rate 0.001, this call asks for 0.002",
        hint: "give the same --learning-rate, or start anew with init-adapter --from-adapter"))
  }

  @Test func aHorizonThatDidNotCountYetMayChange() throws {
    try recipe(total: 300).check(continues: recipe().influences(step: 10), step: 10)
  }
}
