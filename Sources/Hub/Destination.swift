package import Failures

/// Where an artifact can be pushed, written as a URI.
///
///     dir:PATH                                       a directory on this machine
///     file:PATH.tar.zst                              a reproducible archive on this machine
///     hf://[datasets/|spaces/]ORG/NAME[@REVISION]    a repository of the Hugging Face Hub
///     oci://HOST[:PORT]/REPOSITORY:TAG               a container registry
///     s3://BUCKET/PREFIX                             an object store
package enum Destination: Sendable, Equatable {
  case directory(path: String)
  case archive(path: String)
  case huggingFace(HuggingFaceRepository)
  case registry(RegistryReference)
  case objectStore(bucket: String, prefix: String)

  private static let forms = "write dir:PATH, file:PATH.tar.zst, hf://ORG/NAME[@BRANCH], oci://HOST/REPOSITORY:TAG or s3://BUCKET/PREFIX"

  /// - Throws: `Failure.usage` saying which part of the URI is wrong.
  package init(_ uri: String) throws(Failure) {
    func rest(after prefix: String) -> String? {
      uri.hasPrefix(prefix) ? String(uri.dropFirst(prefix.count)) : nil
    }
    if uri.utf8.contains(0) { throw Self.malformed(uri, "it contains a NUL character") }
    if let path = rest(after: "dir:") {
      if path.isEmpty { throw Self.malformed(uri, "the path is missing") }
      self = .directory(path: path)
    } else if let path = rest(after: "file:") {
      guard path.hasSuffix(".tar.zst"), path.split(separator: "/").last != ".tar.zst" else {
        throw Self.malformed(uri, "the path of an archive must end in NAME.tar.zst")
      }
      self = .archive(path: path)
    } else if let repository = rest(after: "hf://") {
      self = .huggingFace(try HuggingFaceRepository(repository, in: uri))
    } else if let reference = rest(after: "oci://") {
      self = .registry(try RegistryReference(reference, in: uri))
    } else if let location = rest(after: "s3://") {
      self = try Self.objectStore(location, in: uri)
    } else {
      throw Self.malformed(uri, "the scheme is none that is known")
    }
  }

  /// The scheme as receipts name it.
  package var scheme: String {
    switch self {
    case .directory: "dir"
    case .archive: "file"
    case .huggingFace: "hf"
    case .registry: "oci"
    case .objectStore: "s3"
    }
  }

  /// The destination as receipts name it: the name of a local file, never the directory it lies in.
  package var name: String {
    switch self {
    case .directory(let path), .archive(let path): String(path.split(separator: "/").last ?? "/")
    case .huggingFace(let repository): repository.description
    case .registry(let reference): reference.description
    case .objectStore(let bucket, let prefix): "\(bucket)/\(prefix)"
    }
  }

  static func malformed(_ uri: String, _ reason: String) -> Failure {
    Failure(.usage, "cannot push to '\(uri)': \(reason)", hint: forms)
  }

  /// Amazon's rules for bucket names; keys are kept to what a file path can be.
  private static func objectStore(_ location: String, in uri: String) throws(Failure) -> Destination {
    let parts = location.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(
      String.init)
    let bucket = parts[0]
    let edges = [bucket.utf8.first, bucket.utf8.last].compactMap { $0 }
    guard (3...63).contains(bucket.utf8.count),
      bucket.utf8.allSatisfy({ isLowercaseOrDigit($0) || ".-".utf8.contains($0) }),
      edges.allSatisfy(isLowercaseOrDigit), !bucket.contains("..")
    else { throw malformed(uri, "'\(bucket)' is no bucket name") }
    var prefix = parts.count > 1 ? parts[1] : ""
    if prefix.hasSuffix("/") { prefix.removeLast() }
    let segments = prefix.split(separator: "/", omittingEmptySubsequences: false)
    guard segments.allSatisfy({ !["", ".", ".."].contains($0) }) else {
      throw malformed(
        uri, prefix.isEmpty ? "the prefix is missing" : "'\(prefix)' is no prefix for object keys")
    }
    if prefix.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) { throw malformed(uri, "it contains a control character") }
    return .objectStore(bucket: bucket, prefix: prefix)
  }
}

func isLowercaseOrDigit(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}

func isLetterOrDigit(_ byte: UInt8) -> Bool {
  isLowercaseOrDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
}
