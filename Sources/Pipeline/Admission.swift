import Failures

/// Shares out the machine among the stages that are ready: places, cores and memory.
///
/// Who has the longest way to the end of the pipeline comes first; who does not fit lets others pass.
actor Admission {
  struct Request: Sendable {
    var cores: Int
    /// Bytes; 0 for no claim.
    var memory = 0
    /// Seconds from here to the end of the pipeline.
    var urgency = 0.0
  }

  private struct Waiting {
    let request: Request
    let continuation: CheckedContinuation<Void, Never>
  }

  private let places: Int
  private let cores: Int
  private let memory: Int
  private var admitted: [Request] = []
  /// In the order in which they are to be admitted.
  private var waiting: [Waiting] = []

  /// How many stages run or wait.
  var count: Int { admitted.count + waiting.count }

  init(places: Int, cores: Int, memory: Int) {
    (self.places, self.cores, self.memory) = (places, cores, memory)
  }

  /// Does something once there is room for it.
  nonisolated func holding<Result: Sendable>(
    _ request: Request, _ body: () async throws(Failure) -> Result
  ) async throws(Failure) -> Result {
    await acquire(request)
    do throws(Failure) {
      let result = try await body()
      await release(request)
      return result
    } catch {
      await release(request)
      throw error
    }
  }

  /// Waits until there is room.
  func acquire(_ request: Request) async {
    if waiting.isEmpty, fits(request) {
      admitted.append(request)
      return
    }
    await withCheckedContinuation { continuation in
      let index = waiting.firstIndex { $0.request.urgency < request.urgency } ?? waiting.count
      waiting.insert(Waiting(request: request, continuation: continuation), at: index)
      admit()
    }
  }

  func release(_ request: Request) {
    if let index = admitted.firstIndex(where: { $0.cores == request.cores && $0.memory == request.memory }) {
      admitted.remove(at: index)
    }
    admit()
  }

  private func admit() {
    while admitted.count < places, let index = waiting.firstIndex(where: { fits($0.request) }) {
      let next = waiting.remove(at: index)
      admitted.append(next.request)
      next.continuation.resume()
    }
  }

  /// A stage that asks for more than there is runs alone.
  private func fits(_ request: Request) -> Bool {
    if admitted.isEmpty { return true }
    return admitted.count < places && admitted.reduce(request.cores) { $0 + $1.cores } <= cores
      && admitted.reduce(request.memory) { $0 + $1.memory } <= memory
  }
}
