import Artifacts
import Failures
import JSON

/// The programs that stages run, asked once each what they are.
actor StageCatalog {
  private let processes: any StageProcesses
  private var interfaces: [String: (executable: String, interface: StageInterface)] = [:]

  init(_ processes: any StageProcesses) { self.processes = processes }

  /// - Throws: `Failure` when there is no such program or it does not describe itself properly.
  func interface(
    of program: String, directory: String
  ) async throws(Failure) -> (executable: String, interface: StageInterface) {
    let isPath = program.contains("/") && !program.hasPrefix("/")
    let place = isPath ? directory + "/" + program : program
    if let known = interfaces[place] { return known }
    let executable = try processes.locate(place)
    let bytes = try await processes.promptAnswer(executable, ["--describe"], directory: directory)
    let interface = try StageInterface(JSONDocument(bytes, source: "\(program) --describe"))
    interfaces[place] = (executable, interface)
    return (executable, interface)
  }
}
