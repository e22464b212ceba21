import Failures
import Glibc
import Synchronization

/// SIGINT and SIGTERM as calls of a function.
package enum StopSignals {
  private static let pipe = Atomic<Int32>(-1)

  /// Calls `action` for each signal from now on, from a thread of its own.
  package static func listen(_ action: @escaping @Sendable () -> Void) {
    var ends: [Int32] = [-1, -1]
    guard unsafe Glibc.pipe(&ends) == 0 else { return }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    pipe.store(ends[1], ordering: .relaxed)
    let reader = SignalReader(descriptor: ends[0], action: action)
    reader.start()
    // Handlers do not survive an exec, so stages start with the usual effect of these signals.
    var handler = sigaction()
    unsafe handler.__sigaction_handler.sa_handler = { _ in
      // write(2) is among the functions that signal-safety(7) allows.
      var byte: UInt8 = 1
      _ = unsafe write(StopSignals.pipe.load(ordering: .relaxed), &byte, 1)
    }
    handler.sa_flags = SA_RESTART
    for signal in [SIGINT, SIGTERM] { _ = unsafe sigaction(signal, &handler, nil) }
  }
}

/// Waits on the pipe's other end.
private final class SignalReader: Sendable {
  private let descriptor: Int32
  private let action: @Sendable () -> Void

  init(descriptor: Int32, action: @escaping @Sendable () -> Void) {
    (self.descriptor, self.action) = (descriptor, action)
  }

  func start() {
    var thread = pthread_t()
    let context = unsafe Unmanaged.passRetained(self).toOpaque()
    let status = unsafe pthread_create(
      &thread, nil,
      { context in
        unsafe context.map { unsafe Unmanaged<SignalReader>.fromOpaque($0).takeRetainedValue().read() }
        return nil
      }, context)
    if status == 0 { _ = pthread_detach(thread) }
  }

  private func read() {
    var byte: UInt8 = 0
    while true {
      let count = unsafe Glibc.read(descriptor, &byte, 1)
      if count == 1 { action() } else if count == 0 || errno != EINTR { return }
    }
  }
}
