import Adapters
import Checkpoint
import Datasets
import JSON
import Tensor
import TestSupport
import Testing
import Training
import Transformer

@Suite struct TrainerTests {
  @Test(arguments: PEFTCase.all) func twelveStepsEqualPEFTs(golden: PEFTCase) throws {
    let facts = try golden.facts(), trainer = try golden.trainer()
    let losses = try facts.field("loss").elements(), rates = try facts.field("learning_rate").elements()
    let norms = try facts.field("gradient_norm_before_clip").elements()
    for index in losses.indices {
      let metrics = try trainer.step()
      #expect(abs(metrics.loss - (try losses[index].double())) < 1e-5, "loss of step \(index)")
      #expect(abs(metrics.learningRate - (try rates[index].double())) < 1e-12, "rate of step \(index)")
      let norm = try norms[index].double()
      #expect(abs(metrics.gradientNorm - norm) < 1e-3 * norm, "gradient norm of step \(index)")
      if index == 2 { try expectGradients(trainer, golden) }
    }
    let trained = try golden.adapter("adapter_trained")
    for entry in trained.layout.entries {
      let mine = part(entry, of: trainer.state.adapter.parameters), theirs = part(entry, of: trained.parameters)
      #expect(difference(mine, theirs) < 1e-3, "\(entry.name)")
    }
  }

  private func expectGradients(_ trainer: Trainer, _ golden: PEFTCase) throws {
    let tensors = try golden.tensors()
    let gradient = try #require(trainer.lastGradient)
    for entry in trainer.state.adapter.layout.entries {
      let expected = try tensors.tensor(PEFTCase.gradientName(entry), shape: entry.shape).floats()
      #expect(difference(part(entry, of: gradient), expected) < 2e-4, "gradient of \(entry.name)")
    }
  }

  private func part(_ entry: AdapterLayout.Entry, of flat: Tensor) -> Tensor {
    Tensor(Array(flat.array[entry.range]), shape: entry.shape)
  }

  @Test(arguments: ["randlora-wide", "lora-wide"]) func bitsDoNotDependOnThreads(name: String) throws {
    func parameters(threads: Int) throws -> [Float] {
      Parallel.threads = threads
      defer { Parallel.threads = 1 }
      let trainer = try PEFTCase(name).trainer(dropout: 0.1)
      for _ in 0..<4 { _ = try trainer.step() }
      return trainer.state.adapter.parameters.array
    }
    let one = try parameters(threads: 1)
    for threads in [2, 3, 8] { #expect(try parameters(threads: threads) == one) }
  }

  @Test func theLossOfAStepIsThatOfItsRowsWhateverTheBatches() throws {
    let golden = PEFTCase("randlora-accumulate")
    var recipe = try golden.recipe()
    let three = try golden.trainer(recipe: recipe), first = try three.step()
    (recipe.batchSize, recipe.gradientAccumulationSteps) = (6, 1)
    let one = try golden.trainer(recipe: recipe), second = try one.step()
    #expect(first.loss == second.loss && first.gradientNorm == second.gradientNorm)
    #expect(first.supervisedTokens == second.supervisedTokens)
    #expect(three.state.adapter.parameters.array == one.state.adapter.parameters.array)
  }

  @Test func divergenceIsAnErrorThatSaysWhatToDo() throws {
    let golden = PEFTCase("lora")
    var recipe = try golden.recipe()
    (recipe.learningRate, recipe.schedule, recipe.horizon) = (
      1e30, .constant, .init(totalSteps: 12, warmupSteps: 0, decaySteps: 0)
    )
    let trainer = try golden.trainer(recipe: recipe)
    let error = #expect(throws: (any Error).self) { for _ in 0..<12 { _ = try trainer.step() } }
    #expect("\(try #require(error))".contains("training diverged at step"))
    #expect("\(try #require(error))".contains("hint: try a smaller --learning-rate"))
  }

  @Test func evaluationDoesNotDependOnHowRowsAreGrouped() throws {
    let golden = PEFTCase("randlora-dense")
    let rows = try golden.storedRows(), model = try golden.model()
    let whole = try Evaluation(model: model, adapter: nil, rows: rows)
    #expect(whole.rows == 24)
    var nll = 0.0, tokens = 0
    for row in 0..<rows.count {
      let single = model.loss(.init(rows: [(rows[row].ids, rows[row].supervised)]), adapter: nil)
      nll += single.nll.reduce(0) { $0 + Double($1) }
      tokens += single.nll.count
    }
    #expect(tokens == whole.tokens)
    #expect(abs(nll / Double(tokens) - whole.loss) < 1e-6)
  }
}
