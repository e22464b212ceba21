package import Checkpoint
package import Failures
package import Tensor

/// The trained tensors of one adapted module.
package enum AdapterParameter: String, Sendable {
  /// RandLoRA: (r × n)
  case lambda = "randlora_lambda"
  /// RandLoRA: (n × min(out, in))
  case gamma = "randlora_gamma"
  /// LoRA: (r × in)
  case a = "lora_A.weight"
  /// LoRA: (out × r)
  case b = "lora_B.weight"
  /// A tensor of the model's own.
  case own = ""
}

/// Where each trained tensor lies in one flat tensor that holds them all: parameters, gradients, moments alike.
///
/// Module after module in the model's order; RandLoRA: lambda, gamma; LoRA: A, B. Then the tensors of the model that are
/// trained in full.
package struct AdapterLayout: Sendable {
  package struct Entry: Sendable {
    /// The module's name and the parameter's: PEFT's name without `base_model.model.`.
    package let name: String
    package let parameter: AdapterParameter
    /// The position of the first element in the flat tensor.
    package let offset: Int
    package let shape: [Int]

    package var count: Int { shape.reduce(1, *) }
    package var range: Range<Int> { offset..<offset + count }
    /// The tensor's name in PEFT's files.
    package var peftName: String { AdapterLayout.peftPrefix + name }
  }

  /// What PEFT puts before the names of a model's modules.
  static let peftPrefix = "base_model.model."

  package let method: AdapterMethod
  /// `r`; with `rank_pattern` the rank of the modules that no pattern fits.
  package let rank: Int
  /// The rank of each module.
  package let ranks: [Int]
  /// What ΔW of each module is multiplied with.
  let scalings: [Double]
  /// The adapted modules in the model's order.
  package let modules: [LinearModule]
  /// The tensors of the model that are trained in full, in its order.
  package let trained: [TrainedTensor]
  /// Two for each module, then one for each trained tensor, in the order of the flat tensor.
  package let entries: [Entry]
  /// The number of trained values.
  package let count: Int

  /// - Parameters:
  ///   - modules: those that the configuration selects.
  ///   - trained: the tensors of the model that it chooses.
  package init(
    _ configuration: AdapterConfiguration, modules: [LinearModule], trained: [TrainedTensor] = []
  ) throws(Failure) {
    (method, rank) = (configuration.method, configuration.rank)
    (ranks, scalings) = try configuration.ranks(of: modules)
    var entries: [Entry] = []
    var offset = 0
    func append(_ name: String, _ parameter: AdapterParameter, _ shape: [Int]) {
      let entry = Entry(name: name, parameter: parameter, offset: offset, shape: shape)
      entries.append(entry)
      offset += entry.count
    }
    for (module, rank) in zip(modules, ranks) {
      for (parameter, shape) in Self.parameters(of: module, method: method, rank: rank) {
        append("\(module.name).\(parameter.rawValue)", parameter, shape)
      }
    }
    for tensor in trained { append(tensor.fileName, .own, tensor.shape) }
    self.trained = trained
    self.modules = modules
    self.entries = entries
    count = offset
  }

  private static func parameters(
    of module: LinearModule, method: AdapterMethod, rank: Int
  ) -> [(AdapterParameter, [Int])] {
    switch method {
    case .randlora:
      let n = module.basesCount(rank: rank)
      return [(.lambda, [rank, n]), (.gamma, [n, min(module.outFeatures, module.inFeatures)])]
    case .lora:
      return [(.a, [rank, module.inFeatures]), (.b, [module.outFeatures, rank])]
    }
  }

  /// The entries of `trained`.
  package var trainedEntries: ArraySlice<Entry> { entries.suffix(trained.count) }

  /// The number of values of the tensors that are trained in full.
  package var trainedCount: Int { trainedEntries.reduce(0) { $0 + $1.count } }

  /// The entry of a module's parameter, which the method must have.
  package func entry(module: Int, parameter: AdapterParameter) -> Entry {
    let entry = entries[2 * module + (parameter == .lambda || parameter == .a ? 0 : 1)]
    precondition(entry.parameter == parameter, "\(method.rawValue) has no \(parameter.rawValue)")
    return entry
  }

  /// n: the number of bases that a module uses.
  package func basesCount(module: Int) -> Int { modules[module].basesCount(rank: rank) }

  /// A copy of one entry of a flat tensor, in its own shape.
  func tensor(_ entry: Entry, in flat: Tensor) -> Tensor {
    flat.slice(entry.range, shape: entry.shape)
  }

  /// The number of values that LoRA of a rank would train on the same modules.
  package func loraCount(rank: Int) -> Int {
    modules.reduce(0) { $0 + rank * ($1.outFeatures + $1.inFeatures) }
  }

  /// The rank, at least 1, at which LoRA on the same modules trains about as many values.
  package var equalLoRARank: Int { max(1, Int((Double(count) / Double(loraCount(rank: 1))).rounded())) }
}

extension AdapterLayout {
  /// Writes a flat tensor's entries under their PEFT names, as F32.
  package func write(_ flat: Tensor, to path: String) throws(Failure) {
    try SafeTensors.write(entries.map { ($0.peftName, .floats(tensor($0, in: flat))) }, to: path)
  }
}
