import Artifacts
import Failures
import Glibc
import Synchronization

/// The pipe behind a stage's standard output and standard error, read by a thread of its own.
final class StageOutput: Sendable {
  /// For the stage.
  let writing: Int32
  private let reading: Int32
  /// Has a byte in it when the stage has ended.
  private let end: Pipe
  private let state = Mutex(State())

  private struct State {
    var isRead = false
    var waiting: CheckedContinuation<Void, Never>?
  }

  /// - Parameter take: gets what the stage writes, a piece at a time, from the thread.
  init(_ take: @escaping @Sendable (ArraySlice<UInt8>) -> Void) throws(Failure) {
    let pipe = try Pipe()
    (reading, writing, end) = (pipe.reading, pipe.writing, try Pipe())
    _ = fcntl(reading, F_SETFL, O_NONBLOCK)
    try DetachedThread.start { self.read(take) }
  }

  deinit { for descriptor in [reading, end.reading, end.writing] { close(descriptor) } }

  /// Waits until all that the stage wrote before its end is read. A process that it left behind may hold the pipe
  /// for ever; what that writes later is not waited for.
  func finish() async {
    var byte: UInt8 = 1
    _ = unsafe write(end.writing, &byte, 1)
    await withCheckedContinuation { continuation in
      let isRead = state.withLock { state in
        if !state.isRead { state.waiting = continuation }
        return state.isRead
      }
      if isRead { continuation.resume() }
    }
  }

  private func read(_ take: (ArraySlice<UInt8>) -> Void) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    var left = Int.max
    while left > 0 {
      // What the stage wrote before its end is in the pipe, which holds so much at most.
      if left == Int.max, waitForMore() == .ended { left = 1 << 20 }
      let count = unsafe Glibc.read(reading, &buffer, buffer.count)
      if count > 0 {
        take(buffer[..<count])
        if left != Int.max { left -= count }
      } else if count == 0 || errno != EINTR && (errno != EAGAIN || left != Int.max) {
        break
      }
    }
    let waiting = state.withLock { state in
      state.isRead = true
      return state.waiting
    }
    waiting?.resume()
  }

  private enum Event { case readable, ended }

  private func waitForMore() -> Event {
    var polled = [
      pollfd(fd: end.reading, events: Int16(POLLIN), revents: 0),
      pollfd(fd: reading, events: Int16(POLLIN), revents: 0),
    ]
    _ = unsafe poll(&polled, nfds_t(polled.count), -1)
    return polled[0].revents != 0 ? .ended : .readable
  }
}
