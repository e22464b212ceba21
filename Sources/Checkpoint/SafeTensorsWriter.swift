package import Failures
import JSON
package import Tensor

/// Writes a safetensors file front to back: the header first, then each tensor's bytes in the order declared.
///
/// Nothing is held in memory but the piece in hand. The same tensors in the same order give the same bytes.
/// Durability is the business of whoever publishes the file.
package final class SafeTensorsWriter {
  private let tensors: [TensorDescription]
  private let file: OutputFile
  private var next = 0

  /// Creates or replaces the file and writes the header.
  /// - Parameter tensors: what will be appended, in this order; names must be unique.
  package init(
    _ path: String, tensors: [TensorDescription],
    metadata: [(key: String, value: String)] = [("format", "pt")]
  ) throws(Failure) {
    self.tensors = tensors
    file = try OutputFile(path)
    try file.write(Self.header(tensors, metadata))
  }

  /// Appends the next tensor as it is stored.
  package func append(_ tensor: StoredTensor) throws(Failure) {
    expectNext(dtype: tensor.dtype, shape: tensor.shape)
    try unsafe file.write(UnsafeRawBufferPointer(start: tensor.bytes, count: tensor.byteCount))
  }

  /// Appends the next tensor, declared as F32, F16 or BF16; the values are rounded to nearest, ties to even.
  package func append(_ tensor: Tensor) throws(Failure) {
    precondition(next < tensors.count, "\(file.path): more tensors than were declared")
    let dtype = tensors[next].dtype
    expectNext(dtype: dtype, shape: tensor.shape)
    if dtype == .f32 {
      try unsafe file.write(UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.count * 4))
    } else {
      try file.write(tensor.bytes(as: dtype))
    }
  }

  /// Appends the next tensor piece by piece.
  ///
  /// - Parameter body: hands all its bytes to `write`, front to back.
  package func append(
    _ body: (_ write: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) -> Void
  ) throws(Failure) {
    precondition(next < tensors.count, "\(file.path): more tensors than were declared")
    var written = 0
    var buffer = OutputBuffer(file)
    try unsafe body { bytes throws(Failure) in
      written += bytes.count
      try unsafe buffer.append(bytes)
    }
    try buffer.flush()
    precondition(written == tensors[next].byteCount, "\(tensors[next].name): \(written) bytes were written")
    next += 1
  }

  /// Ends the file. Every declared tensor must have been appended.
  package func finish() {
    precondition(
      next == tensors.count, "\(file.path): \(tensors.count - next) declared tensors were not written")
  }

  private func expectNext(dtype: DType, shape: [Int]) {
    precondition(next < tensors.count, "\(file.path): more tensors than were declared")
    let expected = tensors[next]
    precondition(
      dtype == expected.dtype && shape == expected.shape,
      "\(expected.name): declared as \(expected.dtype.rawValue) \(expected.shape), found \(dtype.rawValue) \(shape)"
    )
    next += 1
  }

  /// Length and JSON text, padded with spaces so that the data starts at a multiple of 8.
  private static func header(
    _ tensors: [TensorDescription], _ metadata: [(key: String, value: String)]
  ) -> [UInt8] {
    func quoted(_ text: String) -> String { JSON.string(text).text(indent: 0) }
    var members: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.map { "\(quoted($0.key)):\(quoted($0.value))" }
      members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var offset = 0
    for tensor in tensors {
      guard let bytes = tensor.byteCount else {
        preconditionFailure("\(tensor.name): the shape is too large")
      }
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      members.append(
        "\(quoted(tensor.name)):{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(offset + bytes)]}")
      offset += bytes
    }
    var text = Array("{\(members.joined(separator: ","))}".utf8)
    text += Array(repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
    return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
  }
}

extension SafeTensors {
  /// Writes tensors to a file in the order given, float tensors as F32.
  package static func write(
    _ tensors: [(name: String, tensor: TensorSource)],
    metadata: [(key: String, value: String)] = [("format", "pt")],
    to path: String
  ) throws(Failure) {
    let descriptions = tensors.map {
      TensorDescription(name: $0.name, dtype: $0.tensor.dtype, shape: $0.tensor.shape)
    }
    let writer = try SafeTensorsWriter(path, tensors: descriptions, metadata: metadata)
    for (_, source) in tensors {
      switch source {
      case .stored(let tensor): try writer.append(tensor)
      case .floats(let tensor, _): try writer.append(tensor)
      }
    }
    writer.finish()
  }
}

/// A tensor on its way into a file.
package enum TensorSource: Sendable {
  /// Written byte for byte.
  case stored(StoredTensor)
  /// Written as F32, F16 or BF16.
  case floats(Tensor, as: DType)

  /// Float32 values, written as F32.
  package static func floats(_ tensor: Tensor) -> TensorSource { .floats(tensor, as: .f32) }

  var dtype: DType {
    switch self {
    case .stored(let tensor): tensor.dtype
    case .floats(_, let dtype): dtype
    }
  }

  var shape: [Int] {
    switch self {
    case .stored(let tensor): tensor.shape
    case .floats(let tensor, _): tensor.shape
    }
  }
}
