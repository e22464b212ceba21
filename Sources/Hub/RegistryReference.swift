import Failures

/// A tag in a container registry: `HOST[:PORT]/REPOSITORY:TAG`, in the grammar of the OCI distribution specification.
package struct RegistryReference: Sendable, Equatable, CustomStringConvertible {
  package let host: String
  package let port: Int?
  package let repository: String
  package let tag: String

  package var description: String { "\(authority)/\(repository):\(tag)" }

  /// Host and port, as people log in to them.
  var authority: String { host + (port.map { ":\($0)" } ?? "") }

  static let dockerHub = "docker.io"

  /// Where the registry answers. One on this machine is asked over http.
  var endpoint: URLText {
    get throws(Failure) {
      let isHere = URLText.isThisMachine(host)
      let place = host == Self.dockerHub ? "registry-1.docker.io" : authority
      return try URLText((isHere ? "http://" : "https://") + place, from: "oci://\(self)")
    }
  }

  /// - Parameters:
  ///   - text: what follows `oci://`.
  ///   - uri: the whole URI, for the error.
  init(_ text: String, in uri: String) throws(Failure) {
    guard let slash = text.firstIndex(of: "/") else {
      throw Destination.malformed(uri, "the repository is missing")
    }
    (host, port) = try Self.hostAndPort(text[..<slash], in: uri)
    let path = text[text.index(after: slash)...]
    guard let colon = path.lastIndex(of: ":") else { throw Destination.malformed(uri, "the tag is missing") }
    (repository, tag) = (String(path[..<colon]), String(path[path.index(after: colon)...]))
    guard repository.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(Self.isComponent)
    else {
      throw Destination.malformed(
        uri, "'\(repository)' is no repository name (lower-case words with '.', '_', '-' between)")
    }
    guard let first = tag.utf8.first, isLetterOrDigit(first) || first == UInt8(ascii: "_"),
      tag.utf8.count <= 128,
      tag.utf8.allSatisfy({ isLetterOrDigit($0) || "._-".utf8.contains($0) })
    else { throw Destination.malformed(uri, "'\(tag)' is no tag") }
  }

  private static func hostAndPort(_ text: Substring, in uri: String) throws(Failure) -> (String, Int?) {
    // An IPv6 address stands in brackets: the colons inside are its own.
    let nameEnd =
      text.hasPrefix("[") ? text.firstIndex(of: "]").map(text.index(after:)) : text.firstIndex(of: ":")
    let host = text[..<(nameEnd ?? text.endIndex)]
    let after = text[host.endIndex...]
    guard !host.isEmpty, host.hasPrefix("[") == host.hasSuffix("]"),
      host.utf8.allSatisfy({ isLetterOrDigit($0) || ".-[]:".utf8.contains($0) })
    else {
      throw Destination.malformed(uri, "'\(host)' is no host name")
    }
    if after.isEmpty { return (host.lowercased(), nil) }
    guard after.hasPrefix(":"), let port = Int(after.dropFirst()), (1...65535).contains(port),
      after.dropFirst().utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { throw Destination.malformed(uri, "'\(after.dropFirst())' is no port") }
    return (host.lowercased(), port)
  }

  /// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
  private static func isComponent(_ text: Substring) -> Bool {
    guard let first = text.utf8.first, let last = text.utf8.last, isLowercaseOrDigit(first),
      isLowercaseOrDigit(last)
    else { return false }
    let separators = text.utf8.split(whereSeparator: isLowercaseOrDigit).map { String(Substring($0)) }
    return separators.allSatisfy {
      [".", "_", "__"].contains($0) || $0.utf8.allSatisfy { $0 == UInt8(ascii: "-") }
    }
  }
}
