import Artifacts
import Failures
import JSON

/// Sending large files as Git LFS does it: one question for all, then each to the place that the answer names.
///
/// Specification: git-lfs `docs/api/batch.md` and `basic-transfers.md`; in parts as the Hub's clients do (`lfs.py`).
struct LFSUploads {
  /// A file that the store does not have, and where it goes.
  struct Upload {
    let file: OutgoingFile
    fileprivate let place: JSONCursor
    fileprivate let verification: JSONCursor?
  }

  private let hub: HuggingFaceHub
  private let repository: HuggingFaceRepository
  /// The branch that the files are for, nil where a pull request makes its own.
  private let ref: String?

  init(_ hub: HuggingFaceHub, _ repository: HuggingFaceRepository, ref: String?) {
    (self.hub, self.repository, self.ref) = (hub, repository, ref)
  }

  /// Which of some files have to be sent.
  func needed(_ files: [OutgoingFile]) throws(Failure) -> [Upload] {
    guard !files.isEmpty else { return [] }
    var wish: JSONObject = [
      "operation": "upload", "transfers": ["basic", "multipart"], "hash_algo": "sha256",
      "objects": .array(files.map { ["oid": .string($0.sha256.hex), "size": .integer($0.bytes)] }),
    ]
    if let ref { wish["ref"] = ["name": .string(ref)] }
    let url = try hub.page(repository, ".git/info/lfs/objects/batch")
    let answer = try hub.json(
      try hub.ask("POST", url, json: .object(wish), type: HuggingFaceHub.lfsType), of: url, about: repository)
    var uploads: [Upload] = []
    for cursor in try answer.field("objects").elements() {
      let oid = try cursor.field("oid").string()
      guard let file = files.first(where: { $0.sha256.hex == oid }) else {
        throw cursor.failure("this was not asked for")
      }
      if let error = try cursor.optional("error") {
        throw Failure(
          .io,
          "the Hub does not take '\(file.name)': \(try error.optional("message")?.string() ?? "it does not say why")"
        )
      }
      guard let actions = try cursor.optional("actions"), let place = try actions.optional("upload"),
        !uploads.contains(where: { $0.file.sha256 == file.sha256 })
      else { continue }
      uploads.append(Upload(file: file, place: place, verification: try actions.optional("verify")))
    }
    return uploads
  }

  /// - Parameter sent: told how many bytes went out; fewer than none when they have to be sent again.
  func send(_ upload: Upload, sent: @escaping (Int) -> Void) throws(Failure) {
    let url = try hub.given(try upload.place.field("href").string())
    let headers = try upload.place.optional("header")
    // What says so is the size of a part, not the name of the transfer: some servers call this one "basic" too.
    if let size = try headers?.optional("chunk_size") {
      try sendParts(upload, of: try Self.partSize(size), headers, completing: url, sent)
    } else {
      let own = try headers?.members().map(Self.header) ?? []
      _ = try put(upload.file, 0..<upload.file.bytes, to: url, headers: own, sent)
    }
    if let verification = upload.verification { try verify(upload.file, verification) }
  }

  /// A header that a server wants to be sent: a token and printable characters (RFC 9110), not another request.
  private static func header(_ name: String, _ cursor: JSONCursor) throws(Failure) -> (
    name: String, value: String
  ) {
    let value = try cursor.string()
    guard !name.isEmpty, name.utf8.allSatisfy({ isLetterOrDigit($0) || "-_".utf8.contains($0) }),
      !value.isEmpty,
      value.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
    else { throw cursor.failure("this is no header of HTTP") }
    return (name, value)
  }

  private func put(
    _ file: OutgoingFile, _ range: Range<Int>, to url: URLText, headers: [(name: String, value: String)] = [],
    _ sent: @escaping (Int) -> Void
  ) throws(Failure) -> HTTPResponse {
    let request = HTTPRequest(method: "PUT", url: url, headers: headers, body: .file(path: file.path, range))
    let response = try hub.client.send(request, sent: sent)
    guard response.isSuccess else {
      throw Failure(
        .io, "sending '\(file.name)' failed: \(url.origin) answered \(response.status)",
        hint: "run the same command again; what arrived is not sent twice")
    }
    return response
  }

  private func sendParts(
    _ upload: Upload, of size: Int, _ headers: JSONCursor?, completing url: URLText,
    _ sent: @escaping (Int) -> Void
  ) throws(Failure) {
    var places: [Int: URLText] = [:]
    for (key, cursor) in try headers?.members() ?? [] {
      if let number = Int(key) { places[number] = try hub.given(try cursor.string()) }
    }
    let total = upload.file.bytes
    guard places.count == (total + size - 1) / size else {
      throw upload.place.failure(
        "\(places.count) parts of \(size) bytes do not make the \(total) of '\(upload.file.name)'")
    }
    var parts: [JSON] = []
    for number in 1...places.count {
      guard let place = places[number] else { throw upload.place.failure("part \(number) has no place") }
      let range = (number - 1) * size..<min(number * size, total)
      guard let etag = try put(upload.file, range, to: place, sent).headers["etag"] else {
        throw Failure(.io, "\(place.origin) did not confirm part \(number) of '\(upload.file.name)'")
      }
      parts.append(["partNumber": .integer(number), "etag": .string(etag)])
    }
    try confirm(url, ["oid": .string(upload.file.sha256.hex), "parts": .array(parts)], upload.file)
  }

  private func verify(_ file: OutgoingFile, _ verification: JSONCursor) throws(Failure) {
    let url = try hub.given(try verification.field("href").string())
    try confirm(url, ["oid": .string(file.sha256.hex), "size": .integer(file.bytes)], file)
  }

  private func confirm(_ url: URLText, _ json: JSON, _ file: OutgoingFile) throws(Failure) {
    let response = try hub.ask("POST", url, json: json, type: HuggingFaceHub.lfsType)
    guard response.isSuccess else {
      throw Failure(
        .io, "the Hub has not got '\(file.name)' whole: \(url.publicText) answered \(response.status)",
        hint: "run the same command again")
    }
  }

  /// Servers write it as a number or as a text.
  private static func partSize(_ cursor: JSONCursor) throws(Failure) -> Int {
    let text = cursor.value.stringValue
    let size = if let number = text.flatMap({ Int($0) }) { number } else { try cursor.integer() }
    guard (1...HubFile.largestSize).contains(size) else {
      throw cursor.failure("\(size) is no size of a part")
    }
    return size
  }
}
