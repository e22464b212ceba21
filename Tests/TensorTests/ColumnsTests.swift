import Tensor
import Testing

@Suite struct ColumnsTests {
  @Test func columnsAreCutAndJoined() {
    let whole = random(70, 9)
    let parts = whole.columns(ofWidths: [2, 4, 3])
    #expect(parts.map(\.shape) == [[70, 2], [70, 4], [70, 3]])
    #expect(parts[1][4 * 4 + 3] == whole[4 * 9 + 5])
    #expect(Tensor(columns: parts).array == whole.array)
  }

  @Test func aWholeTensorIsNotCopied() {
    let whole = random(2, 3)
    let part = whole.columns(ofWidths: [3])[0], joined = Tensor(columns: [whole])
    whole[0] = 7
    #expect(part[0] == 7 && joined[0] == 7)
  }
}
