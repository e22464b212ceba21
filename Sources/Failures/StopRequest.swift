import Glibc

/// What asks a program to stop before its work is done (`Failure.Kind.interrupted`).
package enum StopRequest {
  /// SIGINT, SIGTERM, and SIGHUP unless whoever started the process had it ignored, as nohup does.
  package static var signals: [Int32] {
    var hangUp = sigaction()
    _ = unsafe sigaction(SIGHUP, nil, &hangUp)
    let outlivesTerminal =
      unsafe unsafeBitCast(hangUp.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    return [SIGINT, SIGTERM] + (outlivesTerminal ? [] : [SIGHUP])
  }
}
