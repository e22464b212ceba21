import Failures
import TestSupport
import Testing

@testable import Hub

@Test(arguments: [
  ("dir:out/adapter", "dir", "adapter"),
  ("dir:/abs/out/", "dir", "out"),
  ("file:exports/model.tar.zst", "file", "model.tar.zst"),
  ("hf://org/name", "hf", "org/name"),
  ("hf://datasets/org/my.data_set-1@v1.0", "hf", "datasets/org/my.data_set-1@v1.0"),
  ("hf://spaces/org/name", "hf", "spaces/org/name"),
  ("hf://org/name@refs/pr/1", "hf", "org/name@refs/pr/1"),
  ("oci://localhost:5000/team/adapter:v1", "oci", "localhost:5000/team/adapter:v1"),
  ("oci://ghcr.io/a__b/c-d.e:latest", "oci", "ghcr.io/a__b/c-d.e:latest"),
  ("oci://[::1]:5000/a:b", "oci", "[::1]:5000/a:b"), ("oci://GHCR.io/a:B", "oci", "ghcr.io/a:B"),
  ("s3://my-bucket/a/b/", "s3", "my-bucket/a/b"),
])
func `a destination has a scheme and a name`(uri: String, scheme: String, name: String) throws {
  let destination = try Destination(uri)
  #expect(destination.scheme == scheme)
  #expect(destination.name == name)
}

@Test func `the parts of a destination are told apart`() throws {
  #expect(try Destination("dir:a b/c") == .directory(path: "a b/c"))
  #expect(try Destination("s3://bucket/p/q") == .objectStore(bucket: "bucket", prefix: "p/q"))
  guard case .registry(let reference) = try Destination("oci://h:80/a/b:c") else {
    throw Failure(.internal, "")
  }
  #expect((reference.host, reference.port, reference.repository, reference.tag) == ("h", 80, "a/b", "c"))
  guard case .huggingFace(let repository) = try Destination("hf://datasets/o/n@r") else {
    throw Failure(.internal, "")
  }
  #expect(repository.kind == .dataset && repository.id == "o/n" && repository.revision == "r")
}

@Test(arguments: [
  ("models/out", "the scheme is none that is known"),
  ("http://x/y", "the scheme is none that is known"),
  ("hf:org/name", "the scheme is none that is known"),
  ("dir:", "the path is missing"),
  ("dir:a\0b", "it contains a NUL character"),
  ("file:model.zip", "the path of an archive must end in NAME.tar.zst"),
  ("file:a/.tar.zst", "the path of an archive must end in NAME.tar.zst"),
  ("hf://name", "'name' is not of the form ORG/NAME"),
  ("hf://datasets/name", "'name' is not of the form ORG/NAME"),
  ("hf://a/b/c", "'a/b/c' is not of the form ORG/NAME"),
  ("hf:///b", "'' is no name on the Hub (letters, digits, and '.', '_', '-' inside)"),
  ("hf://a/b--c", "'b--c' is no name on the Hub (letters, digits, and '.', '_', '-' inside)"),
  ("hf://a/b.git", "'b.git' is no name on the Hub (letters, digits, and '.', '_', '-' inside)"),
  ("hf://a/é", "'é' is no name on the Hub (letters, digits, and '.', '_', '-' inside)"),
  ("hf://a/b@", "'' is no branch, tag or commit"),
  ("hf://a/b@x..y", "'x..y' is no branch, tag or commit"),
  ("hf://a/b@-x", "'-x' is no branch, tag or commit"),
  ("oci://host", "the repository is missing"),
  ("oci:///a:b", "'' is no host name"), ("oci://[::1/a:b", "'[::1' is no host name"),
  ("oci://host/a", "the tag is missing"),
  ("oci://host:0/a:b", "'0' is no port"),
  ("oci://host:+80/a:b", "'+80' is no port"),
  ("oci://host/A:b", "'A' is no repository name (lower-case words with '.', '_', '-' between)"),
  ("oci://host/a//b:c", "'a//b' is no repository name (lower-case words with '.', '_', '-' between)"),
  ("oci://host/a___b:c", "'a___b' is no repository name (lower-case words with '.', '_', '-' between)"),
  ("oci://host/a:-b", "'-b' is no tag"),
  ("s3://ab/x", "'ab' is no bucket name"),
  ("s3://Bucket/x", "'Bucket' is no bucket name"),
  ("s3://bucket", "the prefix is missing"),
  ("s3://bucket/a\nb", "it contains a control character"),
  ("s3://bucket/a/../b", "'a/../b' is no prefix for object keys"),
])
func `a malformed destination is a usage error that says why`(uri: String, reason: String) {
  let failure = #expect(throws: Failure.self) { try Destination(uri) }
  #expect(failure?.kind == .usage)
  #expect(failure?.message == "cannot push to '\(uri)': \(reason)")
  #expect(failure?.hint?.hasPrefix("write dir:PATH") == true)
}

@Test func `the id of a model on the Hub is checked`() throws {
  #expect(try HuggingFaceRepository(modelID: "org/name@main").description == "org/name@main")
  let failure = #expect(throws: Failure.self) { try HuggingFaceRepository(modelID: "/root/models/llama") }
  #expect(
    failure?.message
      == "'/root/models/llama' is no id of a model on the Hugging Face Hub: '/root/models/llama' is not of the form ORG/NAME"
  )
}

@Test func `no mutated destination crashes`() {
  let seeds = [
    "hf://datasets/org/name@v1", "oci://host:5000/team/a-b:v1", "s3://bucket/a/b", "file:a.tar.zst",
  ]
  var generator = SeededGenerator(state: 7)
  for _ in 0..<2000 {
    var bytes = Array(seeds[Int(generator.next() % 4)].utf8)
    for _ in 0..<3 { bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(generator.next() & 0x7F) }
    do { _ = try Destination(String(decoding: bytes, as: UTF8.self)) } catch { #expect(error.kind == .usage) }
  }
}
