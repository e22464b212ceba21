package import Artifacts
import Failures
package import JSON

/// What an artifact was made from, and that from what, back to the files of the user.
package struct Lineage: Sendable {
  package struct Node: Sendable {
    package let digest: Digest
    /// Nil when the artifact is not there any more.
    package let kind: ArtifactKind?
    package let origin: Origin?

    /// What it was made from: inputs by role, and of a state the one it went on from.
    var sources: [(role: String, digest: Digest)] {
      let inputs = (origin?.preimage.inputs ?? [:]).sorted { $0.key < $1.key }.map { (role: $0.key, digest: $0.value) }
      return inputs + (origin?.predecessor.map { [(role: "goes on from", digest: $0)] } ?? [])
    }
  }

  package let root: Digest
  package private(set) var nodes: [Digest: Node] = [:]

  /// - Parameter index: the records of the store that the artifact, or what it was made from, may be in.
  package init(of artifact: Artifact, in store: Store?) {
    root = artifact.digest
    let index = store.map(RecordIndex.init)
    var pending = [artifact.digest]
    while let digest = pending.popLast() {
      guard nodes[digest] == nil else { continue }
      let found = digest == root ? artifact : try? store?.object(digest, verify: .sizes)
      let origin = found.map { Origin(of: $0, in: index) } ?? Origin(of: digest, in: index)
      let node = Node(digest: digest, kind: found?.kind, origin: origin)
      nodes[digest] = node
      pending += node.sources.map(\.digest)
    }
  }

  package var json: JSON {
    var list: [JSON] = []
    for node in nodes.values.sorted(by: { $0.digest < $1.digest }) {
      var object: JSONObject = ["digest": .string(node.digest.hex)]
      object["kind"] = node.kind.map { .string($0.rawValue) } ?? .null
      object["origin"] = node.origin.map { .object($0.json) } ?? .null
      list.append(.object(object))
    }
    return ["artifact": .string(root.hex), "nodes": .array(list)]
  }

  // MARK: - As a tree

  /// One line an artifact, what it was made from below it; what stands above already is not written out again.
  package var text: String {
    var seen: Set<Digest> = []
    var lines: [String] = []
    write(root, role: nil, lead: "", next: "", to: &lines, seen: &seen)
    return lines.joined(separator: "\n")
  }

  private func write(
    _ digest: Digest, role: String?, lead: String, next: String, to lines: inout [String], seen: inout Set<Digest>
  ) {
    guard let node = nodes[digest] else { return }
    let isNew = seen.insert(digest).inserted
    lines.append(lead + (role.map { "\($0): " } ?? "") + Self.text(node) + (isNew ? "" : " (see above)"))
    guard isNew else { return }
    let contents = (node.origin?.preimage.contents ?? [:]).sorted { $0.key < $1.key }
    let last = node.sources.count + contents.count - 1
    for (index, source) in node.sources.enumerated() {
      write(
        source.digest, role: source.role, lead: next + (index == last ? "└─ " : "├─ "),
        next: next + (index == last ? "   " : "│  "), to: &lines, seen: &seen)
    }
    for (index, content) in contents.enumerated() {
      let isLast = node.sources.count + index == last
      lines.append(next + (isLast ? "└─ " : "├─ ") + "\(content.key): content \(content.value.hex.prefix(12))")
    }
  }

  private static func text(_ node: Node) -> String {
    let what = "\(node.kind?.rawValue ?? "(gone)") \(node.digest.hex.prefix(12))"
    guard let origin = node.origin else { return what }
    let name = origin.name.map { "\($0), " } ?? ""
    return what + " (\(name)\(origin.preimage.stage) r\(origin.preimage.revision))"
  }
}
