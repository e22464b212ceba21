import Failures
import Foundation
import Pipeline
import Testing

private func names(_ matrix: String, when: String = "{}") throws -> [String] {
  try PipelineFile(
    yaml: "stages:\n  s: {stage: x, when: \(when), matrix: \(matrix)}", path: "p.yaml"
  ).stages.map { String($0.name.dropFirst()) }
}

private func message(_ matrix: String) -> String? {
  failure { _ = try names(matrix) }?.description.replacingOccurrences(of: "p.yaml:", with: "")
}

@Test func cellsAreTakenAwayAndAdded() throws {
  #expect(
    try names("{m: [a, b], r: [4, 8], exclude: [{m: b, r: 8}], include: [{m: b, r: 16}]}")
      == ["[m=a,r=4]", "[m=a,r=8]", "[m=b,r=4]", "[m=b,r=16]"])
  #expect(try names("{m: [a, b], include: [{m: a}]}") == ["[m=a]", "[m=b]"])
  #expect(try names("{m: [a, b]}", when: "{matrix.m: [b, c]}") == ["[m=b]"])
}

@Test func aValueMayCarryOthers() throws {
  let file = try PipelineFile(
    yaml: """
      stages:
        s: {stage: x, matrix: {m: {big: {rank: 64, alpha: 2}, small: {rank: 4, alpha: }}}, export: "${matrix.m.rank}"}
        t: {stage: y, state: s, export: "${matrix.m}-${matrix.m.alpha}"}
        u: {stage: y, state: s, with: {k: "${${matrix.m}-name}"}}
      variables: {big-name: large, small-name: little}
      """, path: "p.yaml")
  #expect(file.stages.map(\.name) == ["s[m=big]", "s[m=small]", "t[m=big]", "t[m=small]", "u[m=big]", "u[m=small]"])
}

@Test func mistakesInAMatrixNameTheirPlace() {
  #expect(message("{m: []}") == "2:39: the axis 'm' has no values")
  #expect(message("{m: [a, a]}") == "2:43: the value 'a' appears twice")
  #expect(message("{m: [a], exclude: [{m: a}]}") == "2:35: the matrix has no cell left")
  #expect(
    message("{rank: [1], exclude: [{rnk: 1}]}")
      == "2:58: the matrix has no axis 'rnk'\nhint: did you mean 'rank'?")
  #expect(
    message("{m: [a], r: [1], include: [{m: b}]}") == "2:62: the included cell has no value for the axis 'r'")
  #expect(
    message("{m: {big: {r: 1}}, include: [{m: bigg}]}")
      == "2:68: 'bigg' is no value of the axis 'm'\nhint: did you mean 'big'?")
}
