import Artifacts
import Failures
import Glibc

/// A pipe of the kernel's, which programs that this one starts do not inherit.
struct Pipe: Sendable {
  let reading: Int32
  let writing: Int32

  /// - Throws: `Failure.io` when the process has no descriptor left.
  init() throws(Failure) {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { throw Failure(.io, "cannot make a pipe: \(errorText())") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    (reading, writing) = (ends[0], ends[1])
  }
}
