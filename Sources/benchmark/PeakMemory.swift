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
        let (resident, shared) = Self.now
        peakPrivate.max(resident - shared, ordering: .relaxed)
        peakResident.max(resident, ordering: .relaxed)
        usleep(5000)
      }
    }
  }

  /// Ends the watch: the most bytes seen that no file backs, and the most with those of mapped files.
  func finish() -> (private: Int, resident: Int) {
    isDone.store(true, ordering: .relaxed)
    return (peakPrivate.load(ordering: .relaxed), peakResident.load(ordering: .relaxed))
  }

  /// Resident bytes, and those of them that files back, from /proc/self/statm: in pages, after the size.
  private static var now: (resident: Int, shared: Int) {
    let pages = contents("statm").split(separator: " ").prefix(3).map { (Int($0) ?? 0) * 4096 }
    return pages.count == 3 ? (pages[1], pages[2]) : (0, 0)
  }

  /// The most resident bytes of this process since it began, mapped files included.
  static var resident: Int {
    let line = contents("status").split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split { $0 == " " || $0 == "\t" }.dropFirst().first).flatMap { Int($0) }.map { $0 * 1024 } ?? 0
  }

  private static func contents(_ name: String) -> String {
    (try? String(contentsOfFile: "/proc/self/" + name, encoding: .utf8)) ?? ""
  }
}
