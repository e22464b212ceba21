import Checkpoint
import Failures
import JSON
import RegularExpressions

/// Which linear layers an adapter changes, in the terms of PEFT's `target_modules`.
package enum TargetModules: Sendable, Equatable {
  /// Whole names, or last parts of names: `k_proj` means every layer's.
  case names([String])
  /// A regular expression that matches whole names.
  case pattern(String)
  /// "all-linear": every linear layer but the output head.
  case allLinear

  private static let allLinearName = "all-linear"

  /// Reads a command line's value: `all-linear`, names separated by commas, or else a regular expression.
  ///
  /// What consists of letters, digits, `_` and `.` only is a name, though it could be an expression too.
  package init(argument: String) {
    let parts = argument.split(separator: ",").map { $0.filter { $0 != " " } }
    let isNames = parts.allSatisfy { part in
      part.utf8.allSatisfy {
        "_.".utf8.contains($0) || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF)
      }
    }
    if argument.lowercased() == Self.allLinearName {
      self = .allLinear
    } else {
      self = isNames ? .names(parts) : .pattern(argument)
    }
  }

  /// Reads `target_modules` of an adapter_config.json.
  init(peft cursor: JSONCursor) throws(Failure) {
    if let text = cursor.value.stringValue {
      self = text.lowercased() == Self.allLinearName ? .allLinear : .pattern(text)
      return
    }
    let names = try Self.names(cursor)
    guard !names.isEmpty else { throw cursor.failure("no target modules are named") }
    self = .names(names)
  }

  /// Reads `exclude_modules`, where every string is an expression and names need not fit anything.
  init(excluded cursor: JSONCursor) throws(Failure) {
    if let pattern = cursor.value.stringValue { self = .pattern(pattern) } else { self = .names(try Self.names(cursor)) }
  }

  private static func names(_ cursor: JSONCursor) throws(Failure) -> [String] {
    var names: [String] = []
    for element in try cursor.elements() { names.append(try element.string()) }
    return names
  }

  var peftJSON: JSON {
    switch self {
    case .names(let names): .array(names.map(JSON.string))
    case .pattern(let pattern): .string(pattern)
    case .allLinear: .string(Self.allLinearName)
    }
  }

  /// Names sorted by bytes and without doubles, so that equal choices are equal values.
  var normalized: TargetModules {
    guard case .names(let names) = self else { return self }
    let unique = Set(names.map(ByteString.init)).map(\.string)
    return .names(unique.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
  }

  /// The chosen modules in the model's order. Every name must fit at least one module.
  func select(from modules: [LinearModule]) throws(Failure) -> [LinearModule] {
    if case .names(let names) = self {
      for name in names where !modules.contains(where: { Self.fits($0.name, name) }) {
        throw Self.noModule("no linear layer is called '\(name)'", modules)
      }
    }
    let chosen = try matches(in: modules)
    if case .pattern(let pattern) = self, chosen.isEmpty {
      throw Self.noModule("no linear layer matches the pattern '\(pattern)'", modules)
    }
    return chosen
  }

  /// The modules that are meant, if any is, in the model's order.
  func matches(in modules: [LinearModule]) throws(Failure) -> [LinearModule] {
    switch self {
    case .allLinear: return modules.filter { !$0.isOutputHead }
    case .names(let names): return modules.filter { module in names.contains { Self.fits(module.name, $0) } }
    case .pattern(let pattern):
      let expression: RegularExpression
      do throws(Failure) {
        expression = try RegularExpression(pattern)
      } catch {
        throw Failure(.usage, "target modules: \(error.message)", hint: error.hint)
      }
      var chosen: [LinearModule] = []
      for module in modules where try expression.wholeMatch(module.name) { chosen.append(module) }
      return chosen
    }
  }

  private static func fits(_ module: String, _ name: String) -> Bool {
    let (module, name) = (Array(module.utf8), Array(name.utf8))
    return module == name
      || (module.count > name.count && module.suffix(name.count + 1).elementsEqual([0x2E] + name))
  }

  private static func noModule(_ message: String, _ modules: [LinearModule]) -> Failure {
    var kinds: [String] = []
    for module in modules {
      let kind = String(module.name.split(separator: ".").last ?? "")
      if !kinds.contains(kind) { kinds.append(kind) }
    }
    return Failure(
      .usage, message,
      hint: "linear layers: \(kinds.joined(separator: ", ")); a pattern must match "
        + "a whole name such as \(modules.first?.name ?? "model.layers.0.self_attn.q_proj"); "
        + "embeddings are only trained whole, as modules_to_save")
  }
}
