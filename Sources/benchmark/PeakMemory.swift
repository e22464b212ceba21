import Dispatch
import FoundationEssentials
import Glibc
import Synchronization

/// Watches how much memory this process holds that no file backs, while it lives.
final class PeakMemory: Sendable {
  private let peak = Atomic<Int>(0)
  private let isDone = Atomic<Bool>(false)

  init() {
    DispatchQueue.global().async { [self] in
      while !isDone.load(ordering: .relaxed) {
        let now = Self.field("RssAnon")
        if now > peak.load(ordering: .relaxed) { peak.store(now, ordering: .relaxed) }
        usleep(2000)
      }
    }
  }

  /// Ends the watch: the most private bytes seen.
  func finish() -> Int {
    isDone.store(true, ordering: .relaxed)
    return peak.load(ordering: .relaxed)
  }

  /// The most resident bytes so far, mapped files included.
  static var resident: Int { field("VmHWM") }

  /// A field of /proc/self/status, in bytes.
  private static func field(_ name: String) -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    return (line?.split(separator: " ").dropFirst().first).flatMap { Int($0) }.map { $0 * 1024 } ?? 0
  }
}
