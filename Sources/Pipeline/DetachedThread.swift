import Artifacts
import Failures
import Glibc

/// A thread for work that waits in the kernel, which a task must not do.
enum DetachedThread {
  private final class Work {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// - Throws: `Failure.io` when the system has no thread left.
  static func start(_ body: @escaping @Sendable () -> Void) throws(Failure) {
    var thread = pthread_t()
    let work = unsafe Unmanaged.passRetained(Work(body))
    let status = unsafe pthread_create(
      &thread, nil,
      { context in
        unsafe context.map { unsafe Unmanaged<Work>.fromOpaque($0).takeRetainedValue().body() }
        return nil
      }, work.toOpaque())
    guard status == 0 else {
      unsafe work.release()
      throw Failure(.io, "cannot start a thread: \(errorText(status))")
    }
    _ = pthread_detach(thread)
  }
}
