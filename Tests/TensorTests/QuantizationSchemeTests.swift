import Checkpoint
import Foundation
import TestSupport
import Testing

@testable import Tensor

/// A case of bitsandbytes: `TYPE-BLOCK-nested|plain-SHAPE.safetensors`, or `int8-DTYPE-SHAPE.safetensors`.
private struct QuantizationCase: CustomTestStringConvertible, Sendable {
  let testDescription: String
  private let directory = fixture("../quantization")

  static func all(where belongs: (String) -> Bool) -> [QuantizationCase] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: fixture("../quantization"))) ?? []
    return names.filter { $0.hasSuffix(".safetensors") && belongs($0) }.sorted().map {
      QuantizationCase(testDescription: String($0.dropLast(".safetensors".count)))
    }
  }

  func file() throws -> SafeTensors { try SafeTensors("\(directory)/\(testDescription).safetensors") }

  var scheme: QuantizationScheme {
    let parts = testDescription.split(separator: "-").map(String.init)
    guard let type = FourBitType(rawValue: parts[0]) else { return QuantizationScheme(codes: .int8, dtype: .f32) }
    return QuantizationScheme(
      codes: .fourBit(type, blockSize: Int(parts[1]) ?? 0, isNested: parts[2] == "nested"), dtype: .f32)
  }
}

/// The bytes of a tensor, whatever its type.
private func bytes(_ tensor: StoredTensor) -> [UInt8] {
  unsafe Array(UnsafeRawBufferPointer(start: tensor.bytes, count: tensor.byteCount))
}

@Test func `all of bitsandbytes' cases are here`() {
  #expect(QuantizationCase.all { !$0.hasPrefix("int8") }.count == 18)
  #expect(QuantizationCase.all { $0.hasPrefix("int8") }.count == 4)
}

@Test(arguments: QuantizationCase.all { !$0.hasPrefix("int8") })
private func `4-bit codes, scales and values are those of bitsandbytes`(_ golden: QuantizationCase) throws {
  let file = try golden.file()
  let quantized = golden.scheme.quantize(try file.tensor("weight").floats())
  guard case .fourBit(let blocks) = quantized.codes else { return #expect(Bool(false), "no 4-bit codes") }
  #expect(try bytes(blocks.codes) == bytes(file.tensor("packed")))
  #expect(try blocks.type.values == file.tensor("code").floats().array)
  switch blocks.scales {
  case .plain(let absmax): #expect(try bytes(absmax) == bytes(file.tensor("absmax")))
  case .nested(let nested):
    #expect(try bytes(nested.codes) == bytes(file.tensor("absmax")))
    #expect(try bytes(nested.absmax) == bytes(file.tensor("nested.absmax")))
    #expect(try nested.values.array == file.tensor("nested.code").floats().array)
    #expect(try [nested.offset] == file.tensor("nested.offset").floats().array)
  }
  // As numbers: fp4's second zero is −0 in some of bitsandbytes' kernels and 0 in others.
  #expect(try Weight(quantized).floats().array == file.tensor("dequantized").floats().array)
}

@Test(arguments: QuantizationCase.all { $0.hasPrefix("int8") })
private func `8-bit rows and their values are those of bitsandbytes`(_ golden: QuantizationCase) throws {
  let file = try golden.file()
  let quantized = golden.scheme.quantize(try file.tensor("weight").floats())
  guard case .rows(let rows, let absmax) = quantized.codes else { return #expect(Bool(false), "no rows") }
  #expect(try bytes(rows) == bytes(file.tensor("CB")))
  #expect(try bytes(absmax) == bytes(file.tensor("SCB")))
  #expect(try Weight(quantized).floats().array == file.tensor("dequantized").floats().array)
}

@Test(arguments: QuantizationCase.all { $0.hasSuffix("130x257.safetensors") || $0.hasPrefix("int8-f") })
private func `any stretch of elements widens as the whole does`(_ golden: QuantizationCase) throws {
  let weight = Weight(golden.scheme.quantize(try golden.file().tensor("weight").floats()))
  let whole = weight.floats().array
  var generator = SeededGenerator(state: 3)
  for _ in 0..<200 {
    let start = Int.random(in: 0..<whole.count, using: &generator)
    let count = Int.random(in: 0...min(300, whole.count - start), using: &generator)
    let part = Tensor(max(1, count))
    unsafe weight.widen(ElementTile(start..<start + count), into: part.pointer)
    #expect(Array(part.array.prefix(count)) == Array(whole[start..<start + count]))
  }
}

@Test(arguments: [FourBitType.nf4, .fp4])
private func `every processor looks up the same values`(_ type: FourBitType) throws {
  let scheme = QuantizationScheme(codes: .fourBit(type, blockSize: 64, isNested: true), dtype: .f32)
  guard case .fourBit(let blocks) = scheme.quantize(random(40, 131, seed: 6)).codes else { return }
  // From odd and even places, over the ends of blocks and the last byte's half.
  for tile in [ElementTile(0..<5240), ElementTile(offset: 1, rows: 40, stride: 131, columns: 130),
    ElementTile(offset: 62, rows: 9, stride: 131, columns: 3)] {
    let results = [1, 3, 4].filter { $0 <= PanelProduct.bestLevel }.map { level in
      let part = Tensor(tile.count)
      unsafe blocks.widen(tile, into: part.pointer, level: level)
      return part.array
    }
    #expect(results.allSatisfy { $0 == results[0] } && results[0].contains { $0 != 0 })
  }
}

@Test(arguments: [DType.bf16, .f16])
private func `values are rounded to the scheme's type`(_ dtype: DType) throws {
  let matrix = random(64, 128, seed: 5)
  let codes = QuantizationScheme.Codes.fourBit(.nf4, blockSize: 64, isNested: true)
  let exact = Weight(QuantizationScheme(codes: codes, dtype: .f32).quantize(matrix)).floats()
  let rounded = Weight(QuantizationScheme(codes: codes, dtype: dtype).quantize(matrix)).floats()
  #expect(rounded.bytes(as: dtype) == exact.bytes(as: dtype))
  #expect(rounded.array != exact.array)
  let narrowed = unsafe exact.bytes(as: dtype).withUnsafeBytes { unsafe Array($0.bindMemory(to: UInt16.self)) }
  #expect(StoredTensor(narrowed, dtype: dtype, shape: exact.shape).floats().array == rounded.array)
}

@Test(arguments: [QuantizationScheme.Codes.int8, .fourBit(.fp4, blockSize: 32, isNested: false)])
private func `products with a quantized weight are those with its values`(_ codes: QuantizationScheme.Codes) {
  let quantized = Weight(QuantizationScheme(codes: codes, dtype: .f32).quantize(random(1100, 300, seed: 6)))
  let plain = Weight(StoredTensor(quantized.floats().array, dtype: .f32, shape: [1100, 300]))
  let x = random(3, 300, seed: 7), d = random(3, 1100, seed: 8)
  let y = [Tensor(3, 1100), Tensor(3, 1100)], dX = [Tensor(3, 300), Tensor(3, 300)]
  for (index, weight) in [quantized, plain].enumerated() {
    weight.forward(x, into: y[index], tokens: 3)
    weight.backward(d, into: dX[index], tokens: 3)
  }
  #expect(y[0].array == y[1].array)
  #expect(dX[0].array == dX[1].array)
}

/// Few rows read codes where they lie, if rows of the weight are whole blocks; more of them widen a few rows first, or pack.
@Test(arguments: [DType.f32, .bf16, .f16], [32, 64, 512])
private func `few rows have the bits of products with the values`(_ dtype: DType, _ blockSize: Int) {
  for codes in [QuantizationScheme.Codes.fourBit(.nf4, blockSize: blockSize, isNested: true),
    .fourBit(.fp4, blockSize: blockSize, isNested: false), .int8]
  {
    let scheme = QuantizationScheme(codes: codes, dtype: dtype)
    for (inner, out) in [(64, 1), (64, 7), (256, 8), (256, 9), (512, 24), (1536, 130), (1536, 16)] {
      let quantized = Weight(scheme.quantize(random(out, inner, seed: 10)))
      let plain = Weight(StoredTensor(quantized.floats().array, dtype: .f32, shape: [out, inner]))
      for tokens in [1, 2, 3, 4, 5, 17] {
        let x = random(tokens, inner, seed: 11), y = [Tensor(tokens, out), Tensor(tokens, out)]
        quantized.forward(x, into: y[0], tokens: tokens)
        plain.forward(x, into: y[1], tokens: tokens)
        #expect(y[0].array == y[1].array, "\(tokens) rows, \(inner) to \(out), \(codes)")
      }
    }
  }
}

@Test func `threads do not change what is quantized`() {
  defer { Parallel.threads = 1 }
  let scheme = QuantizationScheme(codes: .fourBit(.nf4, blockSize: 64, isNested: true), dtype: .f32)
  let results = [1, 3].map { threads in
    Parallel.threads = threads
    return Weight(scheme.quantize(random(700, 300, seed: 9))).floats().array
  }
  #expect(results[0] == results[1])
}
