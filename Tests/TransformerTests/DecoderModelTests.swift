import Adapters
import Tensor
import TestSupport
import Testing
import Transformer

@Suite struct DecoderModelTests {
  @Test(arguments: PEFTCase.all) func baseLogitsEqualTransformers(golden: PEFTCase) throws {
    let logits = try golden.model().logits(golden.batch(0), adapter: nil)
    #expect(difference(logits, try golden.logits("logits.base")) < 2e-5)
  }
}
