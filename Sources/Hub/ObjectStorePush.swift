import Artifacts
package import Failures
import FoundationEssentials
import JSON

/// Files on their way into an object store, an object each below one prefix.
///
/// The manifest comes last and, where something gives way to it, goes first: whoever finds one finds all that it lists.
package struct ObjectStorePush {
  package struct Outcome: Sendable {
    /// How many files were there.
    package let unchanged: Int
    /// Whether the prefix held just this before.
    package let wasThere: Bool
  }

  /// What a store takes in one piece (Amazon S3, "Uploading objects").
  static let largestObject = 5 << 30

  private let store: ObjectStore
  private let files: [OutgoingFile]
  private let manifest: OutgoingFile
  private let replacing: Bool

  /// - Parameters:
  ///   - manifest: what lists the files.
  ///   - replacing: whether what is there gives way.
  init(_ files: [OutgoingFile], listedIn manifest: OutgoingFile, to store: ObjectStore, replacing: Bool) {
    (self.files, self.manifest, self.store, self.replacing) = (files, manifest, store, replacing)
  }

  /// Sends what is not there.
  ///
  /// - Parameter progress: told what is to be sent in bytes, and then how many bytes went out.
  /// - Throws: `Failure.outputExists` when something else is there, `Failure.missingInput` when the store grants no access or
  ///   has no such bucket, `Failure.badData` when a file is too large for it, `Failure.io` when it cannot be reached,
  ///   `Failure.interrupted`.
  package func callAsFunction(progress: (_ total: Int) -> (Int) -> Void) throws(Failure) -> Outcome {
    try requireSizes()
    let old = try manifestThere()
    let isOurs = old.map { Digest.sha256($0) == manifest.sha256 } ?? false
    if old != nil, !isOurs, !replacing { throw inTheWay(manifest) }
    var missing: [(file: OutgoingFile, isNew: Bool)] = []
    for file in files {
      let there = try look(for: file)
      if there != .same { missing.append((file, there == .nothing)) }
    }
    if !isOurs { missing.append((manifest, true)) }
    let sent = progress(missing.reduce(0) { $0 + $1.file.bytes })
    if let old, !isOurs { try remove([manifest.name] + superseded(old)) }
    for (file, isNew) in missing { try send(file, isNew: isNew, sent) }
    return Outcome(unchanged: files.count + 1 - missing.count, wasThere: missing.isEmpty)
  }

  /// Keys of S3 have no more bytes (Amazon S3, "Naming objects").
  private static let longestKey = 1024

  private func requireSizes() throws(Failure) {
    for file in files + [manifest] {
      guard file.bytes <= Self.largestObject else {
        throw Failure(
          .badData, "'\(file.name)' has \(file.bytes) bytes, and an object store takes \(Self.largestObject) in one piece",
          hint: "write it in shards ('merge --max-shard-size 5GB'), or push to hf:// or oci://")
      }
      guard store.key(file.name).utf8.count <= Self.longestKey else {
        throw Failure(
          .usage, "\(store.name(file.name)) has more than the \(Self.longestKey) bytes of an object's name",
          hint: "push to a shorter prefix")
      }
    }
  }

  // MARK: - What is there

  /// The manifest that lies there, of whatever artifact.
  private func manifestThere() throws(Failure) -> [UInt8]? {
    let response = try store.ask("GET", manifest.name)
    if response.isSuccess { return response.body }
    if response.status == 404, response.code != "NoSuchBucket" { return nil }
    throw store.refusal(response, of: manifest.name)
  }

  /// What lies where a file is to go.
  private enum Found {
    case nothing, same, other
  }

  /// - Throws: `Failure.outputExists` when another object has the file's name, which is not to give way.
  private func look(for file: OutgoingFile) throws(Failure) -> Found {
    let response = try store.ask("HEAD", file.name, headers: [("x-amz-checksum-mode", "ENABLED")])
    if response.status == 404 { return .nothing }
    guard response.isSuccess else { throw store.refusal(response, of: file.name) }
    // The store's own checksum, where it keeps one, else what was sent along.
    let isSame =
      response.headers["content-length"] == "\(file.bytes)"
      && response.headers["x-amz-checksum-sha256"].map { $0 == file.sha256.base64 }
        ?? (response.headers["x-amz-meta-sha256"] == file.sha256.hex)
    guard isSame || replacing else { throw inTheWay(file) }
    return isSame ? .same : .other
  }

  private func inTheWay(_ file: OutgoingFile) -> Failure {
    Failure(
      .outputExists, "\(store.name(file.name)) is there and differs from what would be written",
      hint: "push to another prefix, or let it give way with --replace")
  }

  /// Files of the artifact that gives way and that this one does not have.
  private func superseded(_ old: [UInt8]) -> [String] {
    guard let document = try? JSONDocument(old, source: ""), let manifest = try? Manifest(document) else { return [] }
    return files.superseded(of: manifest)
  }

  private func remove(_ names: [String]) throws(Failure) {
    for name in names {
      let response = try store.ask("DELETE", name)
      guard response.isSuccess || response.status == 404 else { throw store.refusal(response, of: name) }
    }
  }

  // MARK: - What is sent

  /// - Parameter isNew: whether nothing lies there, and nothing that comes there meanwhile is to be written over.
  private func send(_ file: OutgoingFile, isNew: Bool, _ sent: @escaping (Int) -> Void) throws(Failure) {
    let checks = [("x-amz-checksum-sha256", file.sha256.base64), ("x-amz-meta-sha256", file.sha256.hex)]
    func put(_ condition: [(name: String, value: String)]) throws(Failure) -> HTTPResponse {
      try store.ask("PUT", file.name, headers: condition + checks, content: file, sent: sent)
    }
    var response = try put(isNew ? [("If-None-Match", "*")] : [])
    if isNew, response.status == 501 { response = try put([]) }  // such a store knows no conditions
    // Somebody else's, or this one when the first answer was lost.
    if response.status == 412 {
      guard try look(for: file) == .same else { throw inTheWay(file) }
      return sent(file.bytes)
    }
    guard response.isSuccess else { throw store.refusal(response, of: file.name) }
  }
}

extension Digest {
  /// As checksums of S3 are written.
  fileprivate var base64: String {
    let digits = Array(hex.utf8)
    let bytes = stride(from: 0, to: digits.count, by: 2).compactMap { start in
      UInt8(String(decoding: digits[start..<start + 2], as: UTF8.self), radix: 16)
    }
    return Data(bytes).base64EncodedString()
  }
}
