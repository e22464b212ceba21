/// What the tensors of a model are called in a GGUF file, and what is done to their values on the way.
package struct GGUFTensorMap: Sendable {
  package struct Entry: Sendable, Equatable {
    package let name: String
    /// The width of the heads whose rows are reordered; nil: rows stay where they are.
    package let reorderedHeads: Int?
    /// What is added to every value.
    package let addend: Float

    /// Which row of the model's tensor becomes row `row`.
    ///
    /// llama.cpp's llama rotates entries 2j and 2j + 1 of a head together, transformers j and j + d / 2.
    package func source(ofRow row: Int) -> Int {
      guard let width = reorderedHeads else { return row }
      let (head, entry) = row.quotientAndRemainder(dividingBy: width)
      return head * width + entry % 2 * (width / 2) + entry / 2
    }
  }

  private var entries: [String: Entry] = [:]

  package init(_ configuration: ModelConfiguration) {
    let family = configuration.family
    func add(_ module: String, _ name: String, reordered: Bool = false, isNorm: Bool = false) {
      entries[module] = Entry(
        name: name, reorderedHeads: reordered ? configuration.headWidth : nil,
        addend: isNorm && family.norms.addsOne ? 1 : 0)
    }
    add("model.embed_tokens", "token_embd")
    add("model.norm", "output_norm", isNorm: true)
    add("lm_head", "output")
    let (modules, norms) = (family.modules, family.norms)
    let projections = modules.queryKeyValue.count == 1 ? ["attn_qkv"] : ["attn_q", "attn_k", "attn_v"]
    for layer in 0..<configuration.layerCount {
      let (from, to) = ("model.layers.\(layer).", "blk.\(layer).")
      for (module, name) in zip(modules.queryKeyValue, projections) {
        add(from + module, to + name, reordered: family.gguf.rotatesNeighbours && ["attn_q", "attn_k"].contains(name))
      }
      add(from + modules.attentionOutput, to + "attn_output")
      for (module, name) in zip(modules.gateUp, modules.gateUp.count == 1 ? ["ffn_up"] : ["ffn_gate", "ffn_up"]) {
        add(from + module, to + name)
      }
      add(from + modules.down, to + "ffn_down")
      for (module, name) in [
        (norms.attentionInput, "attn_norm"), (norms.query, "attn_q_norm"), (norms.key, "attn_k_norm"),
        (norms.attentionOutput, "post_attention_norm"), (norms.feedForwardInput, "ffn_norm"),
        (norms.feedForwardOutput, "post_ffw_norm"),
      ] {
        if let module { add(from + module, to + name, isNorm: true) }
      }
    }
  }

  /// - Parameter tensor: the name of one of the model's tensors, which ends in `.weight` or `.bias`.
  package subscript(tensor: String) -> Entry? {
    guard let dot = tensor.lastIndex(of: "."), let entry = entries[String(tensor[..<dot])] else { return nil }
    return Entry(
      name: entry.name + String(tensor[dot...]), reorderedHeads: entry.reorderedHeads, addend: entry.addend)
  }
}
