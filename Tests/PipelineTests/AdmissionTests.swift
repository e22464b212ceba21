import Synchronization
import Testing

@testable import Pipeline

/// Who was admitted, in order.
private final class Log: Sendable {
  private let names = Mutex<[String]>([])
  var all: [String] { names.withLock { $0 } }
  func add(_ name: String) { names.withLock { $0.append(name) } }
}

/// Asks for room one after another, so that the order of asking is fixed.
private func ask(
  _ admission: Admission, _ requests: [(name: String, request: Admission.Request)], _ log: Log
) async {
  for (name, request) in requests {
    Task {
      await admission.acquire(request)
      log.add(name)
    }
    while await admission.count < (requests.firstIndex { $0.name == name } ?? 0) + 1 { await Task.yield() }
  }
}

private func settled(_ log: Log, _ count: Int) async -> [String] {
  for _ in 0..<10_000 where log.all.count < count { await Task.yield() }
  for _ in 0..<50 { await Task.yield() }
  return log.all
}

@Test func memoryKeepsTwoTrainingsFromMeetingAndLetsSmallOnesPass() async {
  let admission = Admission(places: 4, cores: 4, memory: 10)
  let log = Log()
  let big = Admission.Request(cores: 1, memory: 8), small = Admission.Request(cores: 1, memory: 2)
  await ask(admission, [("first", big), ("second", big), ("small", small)], log)
  #expect(await settled(log, 2) == ["first", "small"])
  await admission.release(big)
  #expect(await settled(log, 3) == ["first", "small", "second"])
}

@Test func coresAndPlacesAreSharedOut() async {
  let admission = Admission(places: 2, cores: 4, memory: .max)
  let log = Log()
  let wide = Admission.Request(cores: 4), narrow = Admission.Request(cores: 1)
  await ask(admission, [("a", narrow), ("wide", wide), ("b", narrow), ("c", narrow)], log)
  #expect(await settled(log, 2) == ["a", "b"])
  await admission.release(narrow)
  #expect(await settled(log, 3) == ["a", "b", "c"])
  await admission.release(narrow)
  await admission.release(narrow)
  #expect(await settled(log, 4) == ["a", "b", "c", "wide"])
}

@Test func theLongestWayGoesFirstAndTooMuchRunsAlone() async {
  let admission = Admission(places: 1, cores: 2, memory: 10)
  let log = Log()
  let running = Admission.Request(cores: 1)
  let huge = Admission.Request(cores: 9, memory: 99, urgency: 5)
  await ask(
    admission,
    [
      ("running", running), ("short", Admission.Request(cores: 1, urgency: 1)),
      ("long", Admission.Request(cores: 1, urgency: 9)), ("huge", huge),
    ], log)
  await admission.release(running)
  #expect(await settled(log, 2) == ["running", "long"])
  await admission.release(Admission.Request(cores: 1, urgency: 9))
  #expect(await settled(log, 3) == ["running", "long", "huge"])
  await admission.release(huge)
  #expect(await settled(log, 4) == ["running", "long", "huge", "short"])
}

@Test func whatIsLeftIsTheLongerOfTheWayAndTheShare() {
  let stages = [("a", []), ("b", ["a"]), ("c", ["a"]), ("d", ["b", "c"])] as [(String, [String])]
  let estimate = RunEstimate(stages, ["a": 1, "b": 10, "c": 4])
  #expect(estimate.urgency(of: "a") == 12)  // d never ran and counts as a second
  #expect(estimate.urgency(of: "c") == 5)
  #expect(estimate.left(spent: [:], jobs: 1) == (15, 1))
  #expect(estimate.left(spent: [:], jobs: 4) == (11, 1))
  #expect(estimate.left(spent: ["a": .infinity, "b": 7], jobs: 2) == (4, 1))
  #expect(estimate.left(spent: ["a": .infinity, "b": 70, "c": .infinity], jobs: 2) == (0, 1))
}
