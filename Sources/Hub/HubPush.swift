import Artifacts
package import Failures
import FoundationEssentials
import JSON

/// Files on their way into a repository of the Hub, as one commit.
///
/// What is there already is not sent again, so that a push that was cut off goes on where it was and one that changes nothing
/// makes no commit. Large files go by Git LFS's protocol, which the Hub keeps for clients without Xet.
package struct HubPush {
  package struct Options: Sendable {
    var message: String
    /// Whether a repository that the push makes is for its owner alone; nil: as the owner has it.
    var isPrivate: Bool?
    /// Whether the commit is proposed instead of made.
    var createsPullRequest: Bool
    /// Whether an artifact of another kind gives way.
    var replacesOtherKinds: Bool

    package init(
      message: String, isPrivate: Bool? = nil, createsPullRequest: Bool = false,
      replacesOtherKinds: Bool = false
    ) {
      (self.message, self.isPrivate) = (message, isPrivate)
      (self.createsPullRequest, self.replacesOtherKinds) = (createsPullRequest, replacesOtherKinds)
    }
  }

  package struct Outcome: Sendable {
    /// Where people see what was made; nil when nothing had to be.
    package var url: String?
    package var commit: String?
    /// How many files the repository had as they are.
    package var unchanged: Int
    /// Whether the repository was there before.
    package var wasThere = true
  }

  private let hub: HuggingFaceHub
  private let repository: HuggingFaceRepository
  private let options: Options
  private let files: [OutgoingFile]
  private let kind: ArtifactKind

  /// - Throws: `Failure.badData` at a name that the Hub keeps for itself, `Failure.usage` when a commit is to be pushed to.
  init(
    _ files: [OutgoingFile], of kind: ArtifactKind, to repository: HuggingFaceRepository, _ hub: HuggingFaceHub,
    _ options: Options
  ) throws(Failure) {
    (self.files, self.kind, self.repository, self.hub, self.options) = (files, kind, repository, hub, options)
    if let revision = repository.revision, BlobName(revision) != nil {
      throw Failure(
        .usage, "'\(revision)' is a commit, and nothing can be pushed to one",
        hint: "name a branch, or none for main")
    }
    for file in files {
      let parts = file.name.split(separator: "/", omittingEmptySubsequences: false)
      guard !parts.contains(where: { ["", ".", "..", ".git", ".cache"].contains($0) }) else {
        throw Failure(.badData, "a file '\(file.name)' cannot be pushed to the Hub")
      }
    }
  }

  /// The revision as a part of a path.
  private var revisionPart: String { URLText.escaped(repository.revisionName) }

  private var query: String { options.createsPullRequest ? "?create_pr=1" : "" }

  /// Makes the repository if need be, sends what it does not have, and commits it.
  ///
  /// - Parameters:
  ///   - progress: told what is to be sent in bytes, and then how many bytes went out.
  /// - Throws: `Failure.missingInput` when the Hub grants no access, `Failure.badData` when it refuses a file,
  ///   `Failure.io` when it cannot be reached, `Failure.interrupted`.
  package func callAsFunction(progress: (_ total: Int) -> (Int) -> Void) throws(Failure) -> Outcome {
    let wasThere = try makeRepository()
    try checkCard()
    let there = try listing()
    let superseded = try superseded(there)
    let changed = try changes(from: there)
    var outcome = Outcome(unchanged: files.count - changed.count, wasThere: wasThere)
    guard !changed.isEmpty || !superseded.isEmpty else { return outcome }
    try send(changed.filter(\.isLarge).map(\.file), progress)
    (outcome.url, outcome.commit) = try commit(changed, removing: superseded)
    return outcome
  }

  // MARK: - The repository

  /// - Returns: whether it was there before.
  private func makeRepository() throws(Failure) -> Bool {
    let parts = repository.id.split(separator: "/").map { JSON.string(String($0)) }
    var wish: JSONObject = ["name": parts[1], "organization": parts[0]]
    if repository.kind != .model { wish["type"] = .string(repository.kind.rawValue) }
    if repository.kind == .space { wish["sdk"] = "static" }
    if let isPrivate = options.isPrivate { wish["visibility"] = isPrivate ? "private" : "public" }
    let url = try hub.url("/api/repos/create")
    let response = try hub.ask("POST", url, json: .object(wish))
    // A token may push to a repository that it may not make.
    var isThere = response.isSuccess || response.status == 409
    if [401, 402, 403].contains(response.status) {
      isThere = try hub.ask("GET", hub.api(repository)).isSuccess
    }
    guard isThere else { throw hub.refusal(response, of: url, about: repository) }
    try makeBranch()
    return !response.isSuccess
  }

  /// A branch that is named is made from the main one, as transformers does.
  private func makeBranch() throws(Failure) {
    guard let revision = repository.revision, revision != "main", !revision.hasPrefix("refs/"),
      !options.createsPullRequest
    else { return }
    let url = try hub.api(repository, "/branch/\(revisionPart)")
    let response = try hub.ask("POST", url, json: [:])
    guard response.isSuccess || response.status == 409 else {
      throw hub.refusal(response, of: url, about: repository)
    }
  }

  /// Has the Hub look at the model card before anything is sent.
  private func checkCard() throws(Failure) {
    guard let card = files.first(where: { $0.name == "README.md" }) else { return }
    let url = try hub.url("/api/validate-yaml")
    let text = String(decoding: try Files.contents(of: card.path, limit: 16 << 20), as: UTF8.self)
    let response = try hub.ask(
      "POST", url, json: ["content": .string(text), "repoType": .string(repository.kind.rawValue)])
    // A Hub of one's own may not have this check.
    guard response.status == 400 else { return }
    throw Failure(
      .badData,
      "the Hub refuses the card README.md: \(response.words ?? "it does not say why")",
      hint: "mend its header, or leave it out")
  }

  // MARK: - What is to be sent

  private struct Change {
    let file: OutgoingFile
    let isLarge: Bool
  }

  private func changes(from there: [ByteString: BlobName]) throws(Failure) -> [Change] {
    var changes: [Change] = []
    for start in stride(from: 0, to: files.count, by: 256) {
      let some = Array(files[start..<min(start + 256, files.count)])
      for (file, isLarge) in zip(some, try areLarge(some)) {
        let isSame = try there[ByteString(file.name)].map { name throws(Failure) in
          try name.names(file.path) { file.sha256 }
        }
        if isSame != true { changes.append(Change(file: file, isLarge: isLarge)) }
      }
    }
    return changes
  }

  /// What the repository holds at the revision that the push goes to; nothing when that has still to be made.
  private func listing() throws(Failure) -> [ByteString: BlobName] {
    do throws(Failure) {
      return try hub.listing(of: repository, at: repository.revisionName).reduce(into: [:]) {
        $0[ByteString($1.path)] = $1.name
      }
    } catch {
      if error.kind == .missingInput { return [:] }
      throw error
    }
  }

  /// Files of the artifact that was pushed there before and that this one does not have: old weights beside new ones would be
  /// taken for them.
  ///
  /// - Throws: `Failure.outputExists` when that was one of another kind, which is not to give way.
  private func superseded(_ there: [ByteString: BlobName]) throws(Failure) -> [String] {
    guard there[ByteString(Manifest.fileName)] != nil else { return [] }
    let url = try hub.resolve(repository, at: repository.revisionName, Manifest.fileName)
    let response = try hub.ask("GET", url)
    guard response.isSuccess, let document = try? JSONDocument(response.body, source: url.publicText),
      let old = try? Manifest(document)
    else { return [] }
    guard old.kind == kind || options.replacesOtherKinds else {
      throw Failure(
        .outputExists,
        "'\(repository.description)' holds \(old.kind.words), and \(kind.words) beside it would be mixed up with it",
        hint: "push to another repository, or let it give way with --replace")
    }
    return files.superseded(of: old).filter { there[ByteString($0)] != nil }
  }

  /// Whether each of some files goes by LFS, as the Hub wants it.
  private func areLarge(_ files: [OutgoingFile]) throws(Failure) -> [Bool] {
    var wishes: [JSON] = []
    for file in files {
      let sample = try Self.beginning(of: file.path)
      wishes.append([
        "path": .string(file.name), "size": .integer(file.bytes),
        "sample": .string(Data(sample).base64EncodedString()),
      ])
    }
    let url = try hub.api(repository, "/preupload/\(revisionPart)\(query)")
    let answer = try hub.json(
      try hub.ask("POST", url, json: ["files": .array(wishes)]), of: url, about: repository)
    var modes: [ByteString: Bool] = [:]
    for cursor in try answer.field("files").elements() {
      let name = try cursor.field("path").string()
      if try cursor.optional("shouldIgnore")?.bool() == true {
        throw Failure(
          .badData, "the repository's .gitignore leaves '\(name)' out",
          hint: "change it on the Hub, or push to another repository")
      }
      modes[ByteString(name)] = try cursor.field("uploadMode").string() == "lfs"
    }
    return try files.map { file throws(Failure) in
      guard let isLarge = modes[ByteString(file.name)] else {
        throw answer.failure("nothing is said about '\(file.name)'")
      }
      return isLarge && file.bytes > 0  // the Hub's store takes no empty object
    }
  }

  private static func beginning(of path: String) throws(Failure) -> [UInt8] {
    let slice = FileSlice(try OpenFile(reading: path), 0..<512)
    var bytes = [UInt8](repeating: 0, count: 512)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe slice.read(into: $0) }
    return Array(bytes.prefix(max(count, 0)))
  }

  private func send(_ files: [OutgoingFile], _ progress: (_ total: Int) -> (Int) -> Void) throws(Failure) {
    let uploads = LFSUploads(hub, repository, ref: options.createsPullRequest ? nil : repository.revisionName)
    var pending: [LFSUploads.Upload] = []
    for start in stride(from: 0, to: files.count, by: 100) {
      pending += try uploads.needed(Array(files[start..<min(start + 100, files.count)]))
    }
    let sent = progress(pending.reduce(0) { $0 + $1.file.bytes })
    for upload in pending { try uploads.send(upload, sent: sent) }
  }

  // MARK: - The commit

  private func commit(_ changes: [Change], removing names: [String]) throws(Failure) -> (
    url: String?, commit: String?
  ) {
    var lines: [JSON] = [
      ["key": "header", "value": ["summary": .string(options.message), "description": ""]]
    ]
    for name in names { lines.append(["key": "deletedFile", "value": ["path": .string(name)]]) }
    for change in changes {
      let name = JSON.string(change.file.name)
      if change.isLarge {
        let oid = JSON.string(change.file.sha256.hex)
        lines.append([
          "key": "lfsFile",
          "value": ["path": name, "algo": "sha256", "oid": oid, "size": .integer(change.file.bytes)],
        ])
      } else {
        let bytes = try Files.contents(of: change.file.path)
        guard Digest.sha256(bytes) == change.file.sha256 else {
          throw Failure(
            .badData, "\(change.file.path) changed while it was pushed", hint: "run the same command again")
        }
        let content = Data(bytes).base64EncodedString()
        lines.append([
          "key": "file", "value": ["path": name, "content": .string(content), "encoding": "base64"],
        ])
      }
    }
    var body: [UInt8] = []
    for line in lines { body += try line.canonical + [UInt8(ascii: "\n")] }
    let url = try hub.api(repository, "/commit/\(revisionPart)\(query)")
    // An answer that is lost is no reason to commit, or propose, twice; whether it was done, the repository shows.
    let response = try hub.ask("POST", url, body: body, type: "application/x-ndjson", isRepeatable: false)
    if response.status == 412 {
      throw Failure(
        .io, "somebody else changed '\(repository.id)' meanwhile", hint: "run the same command again")
    }
    let answer = try hub.json(response, of: url, about: repository)
    let (proposed, made) = (try answer.optional("pullRequestUrl"), try answer.optional("commitUrl"))
    return (try (proposed ?? made)?.string(), try answer.optional("commitOid")?.string())
  }
}
