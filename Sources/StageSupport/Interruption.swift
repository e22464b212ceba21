package import Failures
import Glibc
import Synchronization

/// A request to stop (`StopRequest.signals`), as a flag that long loops look at.
///
/// The first signal only sets the flag, so that a stage finishes the step in hand and publishes what can be
/// resumed; a second one of the same kind kills the process, as it would any other program.
package enum Interruption {
  private static let requested = Atomic<Bool>(false)
  /// Whether somebody sits before the program who might press the keys again.
  private static let isWatched = Atomic<Bool>(false)

  package static var isRequested: Bool { requested.load(ordering: .relaxed) }

  /// Begins to listen. Before this call the signals keep their usual effect.
  package static func install() {
    // Creates the flags here: a signal handler must not run a lazy initialiser.
    requested.store(false, ordering: .relaxed)
    isWatched.store(isatty(STDERR_FILENO) == 1, ordering: .relaxed)
    var action = sigaction()
    // Atomic loads and stores and write(2) are what signal-safety(7) allows.
    unsafe action.__sigaction_handler.sa_handler = { _ in
      Interruption.requested.store(true, ordering: .relaxed)
      guard Interruption.isWatched.load(ordering: .relaxed) else { return }
      let text: StaticString = "\nstopping at the next good place; again to stop at once\n"
      _ = unsafe write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
    }
    action.sa_flags = SA_RESTART | CInt(bitPattern: UInt32(SA_RESETHAND))
    var signals = sigset_t()
    _ = unsafe sigemptyset(&signals)
    for signal in StopRequest.signals {
      _ = unsafe sigaction(signal, &action, nil)
      _ = unsafe sigaddset(&signals, signal)
    }
    // A file that may not grow is an error like a full disk, with a sentence of its own.
    signal(SIGXFSZ, SIG_IGN)
    // A child of a thread that blocks them (all of libdispatch's do) has inherited that.
    _ = unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// - Throws: `Failure.interrupted` when a stop was requested.
  package static func check() throws(Failure) {
    if isRequested {
      throw Failure(
        .interrupted, "stopped on request; nothing was published", hint: "run the same command again")
    }
  }
}
