import Testing

@testable import Hub

private let card = ModelCard(
  method: "RandLoRA", baseModel: "org/tiny", rank: 8, alpha: 160, targetModules: ["k_proj", "v_proj"],
  trainableParameters: 48128, steps: 100)

@Test func `a model card has the header that the Hub reads`() {
  #expect(
    card.text.hasPrefix(
      """
      ---
      base_model: org/tiny
      library_name: peft
      pipeline_tag: text-generation
      tags:
      - randlora
      ---

      # RandLoRA adapter for org/tiny
      """))
  #expect(card.text.contains("| alpha | 160 |\n| target modules | `k_proj`, `v_proj` |"))
}

@Test func `a model card names no base that it does not know`() {
  var card = card
  card.baseModel = nil
  #expect(card.text.hasPrefix("---\nlibrary_name: peft\n"))
  #expect(card.text.contains("from_pretrained(\"BASE_MODEL\")"))
}
