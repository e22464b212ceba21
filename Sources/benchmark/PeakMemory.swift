import Dispatch
import FoundationEssentials
import Glibc
import Synchronization

/// Watches how much memory this process holds, while it lives.
final class PeakMemory: Sendable {
  private let peakPrivate = Atomic<Int>(0)
  private let peakResident = Atomic<Int>(0)
  private let isDone = Atomic<Bool>(false)

  init() {
    DispatchQueue.global().async { [self] in
      while !isDone.load(ordering: .relaxed) {
        peakPrivate.max(Self.field("RssAnon"), ordering: .relaxed)
        peakResident.max(Self.field("VmRSS"), ordering: .relaxed)
        usleep(2000)
      }
    }
  }

  /// Ends the watch: the most bytes seen that no file backs, and the most with those of mapped files.
  func finish() -> (private: Int, resident: Int) {
    isDone.store(true, ordering: .relaxed)
    return (peakPrivate.load(ordering: .relaxed), peakResident.load(ordering: .relaxed))
  }

  /// The most resident bytes of this process since it began, mapped files included.
  static var resident: Int { field("VmHWM") }

  /// A field of /proc/self/status, in bytes.
  private static func field(_ name: String) -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    return (line?.split { $0 == " " || $0 == "\t" }.dropFirst().first).flatMap { Int($0) }.map { $0 * 1024 } ?? 0
  }
}
