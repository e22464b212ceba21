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
    let bytes = try await describe(executable, directory: directory)
    let interface = try StageInterface(JSONDocument(bytes, source: "\(program) --describe"))
    interfaces[place] = (executable, interface)
    return (executable, interface)
  }

  /// Seconds that a program has to say what it is.
  private static let patience = 30

  private func describe(_ executable: String, directory: String) async throws(Failure) -> [UInt8] {
    let processes = processes
    let answer = await withTaskGroup(of: Result<[UInt8], Failure>?.self) { group in
      group.addTask {
        do throws(Failure) {
          return .success(try await processes.answer(executable, ["--describe"], directory: directory))
        } catch {
          return .failure(error)
        }
      }
      group.addTask {
        try? await Task.sleep(for: .seconds(Self.patience))
        return nil
      }
      defer { group.cancelAll() }
      return await group.next() ?? nil
    }
    guard let answer else {
      throw Failure(.badData, "\(executable) --describe did not answer within \(Self.patience) s")
    }
    return try answer.get()
  }
}
