import Artifacts
import Failures
import Glibc

/// What has come of a file so far, beside its place in the cache, hashed on the way.
final class PartialFile {
  private let expected: HubFile
  private let file: OpenFile
  private var hash: RunningHash
  private let received: (Int) -> Void
  /// Bytes that are there.
  private(set) var size = 0
  /// Why no more was taken.
  private(set) var failure: Failure?
  /// Whether an answer's first bytes have still to come.
  private var isAwaiting = true

  /// - Parameters:
  ///   - expected: what it is to become.
  ///   - received: told how many bytes came; fewer than none when they have to come again.
  init(_ path: String, of expected: HubFile, received: @escaping (Int) -> Void) throws(Failure) {
    file = try OpenFile(appending: path, isPrivate: false)
    (self.expected, self.received) = (expected, received)
    hash = expected.name.hash(size: expected.size)
  }

  var isWhole: Bool { size == expected.size }

  /// Takes the file for this process alone; false when another one has it.
  func tryLock() -> Bool { file.tryLock() }

  /// Looks at what an earlier process left.
  func restore() throws(Failure) {
    guard try Files.size(of: file.path) <= expected.size else { return try startOver() }
    try OpenFile(reading: file.path).readAll { bytes in add(bytes) }
  }

  private func add(_ bytes: ArraySlice<UInt8>) {
    hash.update(bytes)
    size += bytes.count
    received(bytes.count)
  }

  private func startOver() throws(Failure) {
    guard ftruncate(file.descriptor, 0) == 0 else {
      throw Failure(.io, "cannot shorten \(file.path): \(errorText())")
    }
    hash = expected.name.hash(size: expected.size)
    received(-size)
    size = 0
  }

  /// Another answer is about to come.
  func expectAnswer() { isAwaiting = true }

  /// Takes a piece of an answer: of what is missing, or, from a server that gives no parts, of everything.
  /// - Returns: false when no more is wanted.
  func take(_ response: HTTPResponse, _ bytes: [UInt8]) -> Bool {
    do throws(Failure) {
      if isAwaiting { try begin(response) }
      guard size + bytes.count <= expected.size else { throw otherSize(nil) }
      try file.write(bytes)
      add(bytes[...])
      return true
    } catch {
      failure = error
      return false
    }
  }

  /// Looks at an answer before its first bytes count: a page that asks for a password must not become part of a model.
  private func begin(_ response: HTTPResponse) throws(Failure) {
    isAwaiting = false
    let goesOn =
      response.status == 206 && response.headers["content-range"]?.hasPrefix("bytes \(size)-") == true
    if size > 0, !goesOn { try startOver() }
    if let length = response.headers["content-length"].flatMap({ Int($0) }), length != expected.size - size {
      throw otherSize(length)
    }
  }

  private func otherSize(_ length: Int?) -> Failure {
    Failure(
      .badData,
      "'\(expected.path)' came with \(length.map { "\($0)" } ?? "more") bytes, \(expected.size - size) were to come",
      hint: "look to what lies between here and the Hub, then run the same command again")
  }

  /// Leaves nothing behind, when another process has made the file.
  func remove() { Files.remove(file.path) }

  /// Gives the file its place, if it is what was expected.
  ///
  /// - Returns: false when it is not; nothing of it is kept then.
  func publish(as path: String) throws(Failure) -> Bool {
    var finished = expected.name.hash(size: expected.size)
    swap(&finished, &hash)
    guard finished.finish() == expected.name.hex else {
      try startOver()
      return false
    }
    try file.sync()
    try Files.rename(file.path, to: path)
    return true
  }
}
