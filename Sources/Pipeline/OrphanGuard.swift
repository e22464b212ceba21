import Artifacts
import Glibc
import Subprocess
import SystemPackage

/// A small process that outlives the runner by a moment: when the runner is gone, however it went, it kills the
/// process groups of the stages that still run.
///
/// The kernel's PR_SET_PDEATHSIG would reach the stage alone and not its children, and goes off when the thread that
/// started it ends. Should the guard be killed too, an orphan still holds its lock (`KeyLock`), so nobody else starts
/// the same action.
final class OrphanGuard: Sendable {
  private let connection: Int32

  private static let script = """
    trap '' HUP INT TERM
    groups=' '
    while read -r change group; do
      case $change in
        + ) groups="$groups$group " ;;
        - ) groups="${groups%% $group *} ${groups#* $group }" ;;
      esac
    done
    for group in $groups; do kill -KILL "-$group"; done
    """

  /// Nil where the system has no shell or no socket left: orphans then keep their locks.
  init?() {
    var ends: [Int32] = [-1, -1]
    guard unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0
    else { return nil }
    connection = ends[0]
    let theirs = FileDescriptor(rawValue: ends[1])
    var options = PlatformOptions()
    options.processGroupID = 0
    Task.detached { [options] in
      _ = try? await Subprocess.run(
        .path("/bin/sh"), arguments: ["-c", Self.script], workingDirectory: "/", platformOptions: options,
        input: .fileDescriptor(theirs, closeAfterSpawningProcess: true), output: .discarded, error: .discarded)
    }
  }

  deinit { close(connection) }

  func watch(_ group: pid_t) { say("+ \(group)\n") }

  func forget(_ group: pid_t) { say("- \(group)\n") }

  private func say(_ line: String) {
    let bytes = Array(line.utf8)
    _ = unsafe bytes.withUnsafeBytes {
      unsafe send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
  }
}
