package import Artifacts
package import JSON

/// What differs between two artifacts: in what they hold, and in how they came about, down to the first cause.
package struct ArtifactDifference: Sendable {
  package struct Value: Sendable {
    /// Where in the manifest's section: `adapter/r`.
    package let path: String
    package let from: JSON?
    package let to: JSON?
  }

  package enum File: Sendable {
    case only(String, inFirst: Bool)
    case changed(String, from: Int, to: Int)
  }

  /// A difference between two actions; `input` names the way to it, such as `checkpoint/base`, empty for the artifacts' own.
  package struct Cause: Sendable {
    package let input: String
    package let reason: RerunReason
  }

  package let values: [Value]
  package let files: [File]
  package let causes: [Cause]

  package var isEmpty: Bool { values.isEmpty && files.isEmpty && causes.isEmpty }

  package init(_ first: Artifact, _ second: Artifact, in store: Store?) {
    values = Self.values(.object(first.manifest.section), .object(second.manifest.section), "")
    files = Self.files(first.files, second.files)
    var seen: Set<Digest> = []
    causes = Self.causes(
      Lineage(of: first, in: store), Lineage(of: second, in: store), first.digest, second.digest, "", &seen)
  }

  private static func values(_ first: JSON?, _ second: JSON?, _ path: String) -> [Value] {
    if first == second { return [] }
    guard let left = first?.objectValue, let right = second?.objectValue else {
      return [Value(path: path, from: first, to: second)]
    }
    return Set(left.keys + right.keys).sorted().flatMap { key in
      values(left[key], right[key], path.isEmpty ? key : path + "/" + key)
    }
  }

  private static func files(_ first: [ArtifactFile], _ second: [ArtifactFile]) -> [File] {
    let left = Dictionary(uniqueKeysWithValues: first.map { (ByteString($0.path), $0) })
    let right = Dictionary(uniqueKeysWithValues: second.map { (ByteString($0.path), $0) })
    var files: [File] = []
    for file in first {
      guard let other = right[ByteString(file.path)] else {
        files.append(.only(file.path, inFirst: true))
        continue
      }
      if other.sha256 != file.sha256 { files.append(.changed(file.path, from: file.bytes, to: other.bytes)) }
    }
    return files + second.filter { left[ByteString($0.path)] == nil }.map { .only($0.path, inFirst: false) }
  }

  /// The differences between how two artifacts were made, and between how the inputs were made in which they differ.
  private static func causes(
    _ left: Lineage, _ right: Lineage, _ first: Digest, _ second: Digest, _ input: String,
    _ seen: inout Set<Digest>
  ) -> [Cause] {
    guard first != second, seen.insert(second).inserted, let old = left.nodes[first]?.origin?.preimage,
      let new = right.nodes[second]?.origin?.preimage
    else { return [] }
    var reasons = RerunReason.differences(from: old, to: new)
    if old.step != new.step {
      reasons.append(
        .parameterChanged("step", from: old.step.map { .integer($0) }, to: new.step.map { .integer($0) }))
    }
    var causes = reasons.map { Cause(input: input, reason: $0) }
    for (role, from) in old.inputs.sorted(by: { $0.key < $1.key }) {
      guard let to = new.inputs[role] else { continue }
      causes += Self.causes(left, right, from, to, input.isEmpty ? role : input + "/" + role, &seen)
    }
    return causes
  }
}
