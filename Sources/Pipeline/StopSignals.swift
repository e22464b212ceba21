import Failures
import Glibc
import Synchronization

/// Requests to stop (`StopRequest.signals`) as calls of a function.
package enum StopSignals {
  private static let pipe = Atomic<Int32>(-1)

  /// Calls `action` for each signal from now on, from a thread of its own.
  package static func listen(_ action: @escaping @Sendable () -> Void) {
    guard let ends = try? Pipe(), (try? DetachedThread.start { wait(on: ends.reading, action) }) != nil
    else { return }
    pipe.store(ends.writing, ordering: .relaxed)
    // Handlers do not survive an exec, so stages start with the usual effect of these signals.
    var handler = sigaction()
    unsafe handler.__sigaction_handler.sa_handler = { _ in
      // write(2) is among the functions that signal-safety(7) allows.
      var byte: UInt8 = 1
      _ = unsafe write(StopSignals.pipe.load(ordering: .relaxed), &byte, 1)
    }
    handler.sa_flags = SA_RESTART
    for signal in StopRequest.signals { _ = unsafe sigaction(signal, &handler, nil) }
  }

  /// Calls `action` for each byte of the pipe.
  private static func wait(on descriptor: Int32, _ action: () -> Void) {
    var byte: UInt8 = 0
    while true {
      let count = unsafe read(descriptor, &byte, 1)
      if count == 1 { action() } else if count == 0 || errno != EINTR { return }
    }
  }
}
