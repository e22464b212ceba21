import Checkpoint
import Failures
import Tensor
import TestSupport
import Testing

private func file(header: String, data: [UInt8] = []) -> [UInt8] {
  let text = Array(header.utf8)
  return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text + data
}

private func message(header: String, data: [UInt8] = [], _ location: SourceLocation = #_sourceLocation) throws
  -> String
{
  let directory = try TemporaryDirectory()
  let path = try directory.write("x.safetensors", file(header: header, data: data))
  return failure({ _ = try SafeTensors(path) }, sourceLocation: location).message
}

@Test func readsWhatTheReferenceWrote() throws {
  let file = try SafeTensors(fixture("randlora-dense/model/model.safetensors"))
  #expect(file.metadata == ["format": "pt"])
  let weight = try file.tensor("model.norm.weight", dtype: .f32, shape: [48])
  #expect(weight.floats().count == 48)
  #expect(file.names.count == 20)
  #expect(file["no.such"] == nil)
}

@Test func writesWhatItReadsBack() throws {
  let directory = try TemporaryDirectory()
  let path = directory.path + "/a.safetensors"
  let values: [Float] = [1, -0.1, 3.14159, 65504, 0, -2]
  let tensor = Tensor(values, shape: [2, 3])
  try SafeTensors.write(
    [
      ("odd \"name\"\n", .floats(tensor)), ("half", .floats(tensor, as: .f16)),
      ("brain", .floats(tensor, as: .bf16)),
      ("empty", .floats(Tensor(0, 4))),
    ], to: path)
  let file = try SafeTensors(path)
  #expect(file.descriptions.map(\.dtype) == [.f32, .f16, .bf16, .f32])
  #expect(try file.tensor("odd \"name\"\n", shape: [2, 3]).floats().array == values)
  #expect(try file.tensor("half").floats().array == values.map { Float(Float16($0)) })
  #expect(try file.tensor("brain").floats().array == [1, -0.10009765625, 3.140625, 65536, 0, -2])
  #expect(try file.tensor("empty").shape == [0, 4])
  #expect(try MappedFile(path).contents[8...].prefix(16) == Array("{\"__metadata__\":".utf8)[...])
}

@Test func copiesATensorThatTheFileDoesNotAlign() throws {
  let directory = try TemporaryDirectory()
  let header =
    #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}"#
  let path = try directory.write("x.safetensors", file(header: header, data: [7, 0, 0, 0x80, 0x3F]))
  #expect(try SafeTensors(path).tensor("b").floats().array == [1])
}

@Test func findsTheFirstValueThatIsNotFinite() throws {
  let directory = try TemporaryDirectory()
  let path = directory.path + "/a.safetensors"
  let tensor = Tensor([0, 1, .nan, .infinity], shape: [4])
  let types: [DType] = [.f32, .f16, .bf16]
  try SafeTensors.write(types.map { ($0.rawValue, .floats(tensor, as: $0)) }, to: path)
  let file = try SafeTensors(path)
  for type in types { #expect(file[type.rawValue]?.firstNonFinite == 2) }
  for place in [nil, 65_535, 65_536, 69_999] {
    var values = [Float](repeating: -1, count: 70_000)
    if let place { values[place] = .infinity }
    for type in types {
      try SafeTensors.write([("long", .floats(Tensor(values, shape: [70_000]), as: type))], to: path)
      #expect(try SafeTensors(path)["long"]?.firstNonFinite == place)
    }
  }
}

@Test func refusesADamagedFrame() throws {
  let directory = try TemporaryDirectory()
  let short = try directory.write("short", [1, 2, 3])
  #expect(failure { _ = try SafeTensors(short) }.message.contains("it has 3 bytes"))
  let empty = try directory.write("empty", "")
  #expect(failure { _ = try SafeTensors(empty) }.message.contains("it has 0 bytes"))
  let long = try directory.write("long", [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7B])
  #expect(failure { _ = try SafeTensors(long) }.message.contains("18446744073709551615 bytes"))
  #expect(failure { _ = try SafeTensors(directory.path + "/none") }.kind == .missingInput)
  #expect(failure { _ = try SafeTensors(directory.path) }.message.contains("not a regular file"))
  #expect(try message(header: " {}").contains("does not start with '{'"))
  #expect(try message(header: "{]").contains("not valid JSON"))
}

@Test func refusesAHeaderThatLies() throws {
  let four: [UInt8] = [0, 0, 0, 0]
  func one(_ dtype: String, _ shape: String, _ offsets: String) -> String {
    #"{"t":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)}}"#
  }
  #expect(try message(header: one("F8_E4M3", "[4]", "[0,4]"), data: four).contains("element type 'F8_E4M3'"))
  #expect(
    try message(header: one("F32", "[-1]", "[0,4]"), data: four).contains("/t/shape/0: expected an integer"))
  #expect(try message(header: one("F32", "[2]", "[0,4]"), data: four).contains("takes 8"))
  #expect(
    try message(header: one("F32", "[1]", "[4,0]"), data: four).contains("the end 0 lies before the start 4"))
  #expect(try message(header: one("F32", "[1]", "[0]"), data: four).contains("expected two offsets"))
  #expect(try message(header: one("F32", "[1]", "[0,4]"), data: [0]).contains("take 4 bytes, but 1 follow"))
  #expect(
    try message(header: one("F32", "[1]", "[0,4]"), data: four + [0]).contains("take 4 bytes, but 5 follow"))
  #expect(
    try message(header: one("F32", "[4611686018427387904,4611686018427387904]", "[0,4]"), data: four)
      .contains("too large"))
  #expect(
    try message(header: #"{"t":{"dtype":"F32","shape":[1]}}"#, data: four).contains(
      "'data_offsets' is missing"))
  #expect(try message(header: #"{"__metadata__":{"a":1}}"#).contains("/__metadata__/a: expected a string"))
}

@Test func refusesOverlapsGapsAndDoubleNames() throws {
  func two(_ first: String, _ second: String, name: String = "b") -> String {
    #"{"a":{"dtype":"U8","shape":[4],"data_offsets":\#(first)},"#
      + #""\#(name)":{"dtype":"U8","shape":[4],"data_offsets":\#(second)}}"#
  }
  let eight = [UInt8](repeating: 0, count: 8)
  #expect(
    try message(header: two("[0,4]", "[2,6]"), data: eight).contains("'b' overlaps the tensor before it"))
  #expect(try message(header: two("[0,4]", "[5,9]"), data: eight).contains("'b' leaves a gap before it"))
  #expect(try message(header: two("[0,4]", "[4,8]", name: "a"), data: eight).contains("'a' appears twice"))
}

@Test func asksForTypeAndShapeByName() throws {
  let file = try SafeTensors(fixture("randlora-dense/model/model.safetensors"))
  #expect(failure { _ = try file.tensor("nope") }.message.hasSuffix("the tensor 'nope' is missing"))
  let dtype = failure { _ = try file.tensor("model.norm.weight", dtype: .bf16) }
  #expect(dtype.message.hasSuffix("'model.norm.weight' has element type F32, expected BF16"))
  let shape = failure { _ = try file.tensor("model.norm.weight", shape: [2, 24]) }
  #expect(shape.message.hasSuffix("'model.norm.weight' has shape [48], expected [2, 24]"))
}

@Test func aDamagedHeaderNeverTraps() throws {
  let directory = try TemporaryDirectory()
  let original = try MappedFile(fixture("lora/adapter_init/adapter_model.safetensors")).contents
  var generator = SeededGenerator(state: 1)
  for _ in 0..<1500 {
    let header = mutated(Array(original.prefix(900)), using: &generator)
    let path = try directory.write("m.safetensors", header + original.dropFirst(900))
    do throws(Failure) {
      let file = try SafeTensors(path)
      for name in file.names { _ = file[name]?.firstNonFinite }
    } catch {
      #expect(error.kind == .badData)
    }
  }
}
