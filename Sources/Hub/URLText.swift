import Artifacts
package import Failures

/// An absolute URL of HTTP, kept as text: what counts here is where it leads.
///
/// Everything but this machine itself must be asked by HTTPS.
package struct URLText: Sendable, Equatable {
  package let text: String
  /// Scheme, host and port: tokens are for one of these alone.
  package let origin: String

  /// - Parameter source: who gave the URL, for the error.
  /// - Throws: `Failure.badData` when it is no such URL.
  package init(_ text: String, from source: String) throws(Failure) {
    func refuse(_ reason: String) -> Failure { Failure(.badData, "\(source) is no URL to use: \(reason)") }
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw refuse("it has characters that no URL has")
    }
    let schemes = ["https://", "http://"]
    guard let scheme = schemes.first(where: { text.lowercased().hasPrefix($0) }) else {
      throw refuse("it does not begin with https://")
    }
    let authority = text.dropFirst(scheme.count).prefix { !"/?#".contains($0) }
    guard !authority.isEmpty, !authority.contains("@"), !authority.contains("\\") else {
      throw refuse("it does not name a host alone")
    }
    let host =
      authority.hasPrefix("[") ? authority.prefix { $0 != "]" } + "]" : authority.prefix { $0 != ":" }
    guard scheme == "https://" || Self.isThisMachine(String(host)) else {
      throw refuse("it is not encrypted: use https://")
    }
    self.text = text
    let usual = scheme == "https://" ? ":443" : ":80"
    origin = scheme + (authority.hasSuffix(usual) ? authority.dropLast(usual.count) : authority).lowercased()
  }

  /// Where a server begins, as a variable or a file names it.
  ///
  /// - Parameter name: of the variable or setting, for the error; what logs in within a URL is not repeated.
  /// - Throws: `Failure.usage` when it is no URL that others can be made from.
  init(endpoint text: String, named name: String, hint: String) throws(Failure) {
    let shown = text.split(separator: "@", maxSplits: 1).count == 2 ? "…@" + (text.split(separator: "@").last ?? "") : text[...]
    do throws(Failure) {
      try self.init(Files.withoutSlashes(text), from: "\(name) ('\(shown)')")
    } catch {
      throw Failure(.usage, error.message, hint: hint)
    }
    guard publicText == self.text else {
      throw Failure(.usage, "\(name) ('\(shown)') is no URL to use: it has more than a host and a path", hint: hint)
    }
  }

  static func isThisMachine(_ host: String) -> Bool { ["localhost", "127.0.0.1", "[::1]"].contains(host.lowercased()) }

  /// With something more to ask; its characters must be escaped already.
  func adding(query: String) throws(Failure) -> URLText {
    try URLText(text + (text.contains("?") ? "&" : "?") + query, from: publicText)
  }

  /// What people may see of it: where it leads, without what signs it.
  package var publicText: String { String(text.prefix { !"?#".contains($0) }) }

  /// The URL that a server leads to, with a `Location` or otherwise.
  func following(_ location: String) throws(Failure) -> URLText {
    let place = "where \(publicText) leads"
    if location.hasPrefix("//") { return try URLText(origin.prefix { $0 != "/" } + location, from: place) }
    let next = try URLText(location.hasPrefix("/") ? origin + location : location, from: place)
    guard next.origin.hasPrefix("https") || !origin.hasPrefix("https") else {
      throw Failure(.badData, "\(publicText) leads away from https")
    }
    return next
  }

  /// A part of a path with everything escaped that could mean something else (RFC 3986); `/` stays where it is told to.
  static func escaped(_ part: String, keeping others: String = "") -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    let bytes = part.utf8.flatMap { byte in
      isLetterOrDigit(byte) || ("-._~" + others).utf8.contains(byte)
        ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
