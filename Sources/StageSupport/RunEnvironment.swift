import Artifacts
import FoundationEssentials
import Glibc
package import JSON

/// Where a stage ran and what it took: facts for the run record, never for an artifact's digest.
package enum RunEnvironment {
  /// The host and its processors.
  package static var host: JSONObject {
    ["host": .string(Host.name), "processors": .integer(usableProcessors)]
  }

  /// The processor time that all threads have used so far, in seconds.
  package static var processorSeconds: Double {
    var usage = rusage()
    _ = unsafe getrusage(CInt(RUSAGE_SELF.rawValue), &usage)
    let seconds = { (time: timeval) in Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  /// How many bytes of memory this process may use: the machine's, or fewer where a control group says so.
  package static var usableMemory: Int {
    let lines = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8))?.split(separator: "\n") ?? []
    let total = lines.first { $0.hasPrefix("MemTotal:") }?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    let limit = (try? String(contentsOfFile: "/sys/fs/cgroup/memory.max", encoding: .utf8))?.split(separator: "\n").first
    return min(total.map { $0 * 1024 } ?? .max, limit.flatMap { Int($0) } ?? .max)
  }

  /// How many processors this process may run on.
  ///
  /// Read from /proc: Foundation's count ignores the affinity mask, and Glibc shows its own to GNU C alone.
  package static var usableProcessors: Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let mask = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") }
    let count = mask?.dropFirst("Cpus_allowed:".count).reduce(0) {
      $0 + ($1.hexDigitValue ?? 0).nonzeroBitCount
    }
    return count.flatMap { $0 > 0 ? $0 : nil } ?? ProcessInfo.processInfo.activeProcessorCount
  }
}
