package import Failures
import Glibc
import JSON
package import Tensor

/// Writes a safetensors file front to back: the header first, then each tensor's bytes in the order declared.
///
/// Nothing is held in memory but the piece in hand. The same tensors in the same order give the same bytes.
/// Durability is the business of whoever publishes the file.
package final class SafeTensorsWriter {
  private let path: String
  private let tensors: [TensorDescription]
  private let descriptor: Int32
  private var next = 0

  /// Creates or replaces the file and writes the header.
  /// - Parameter tensors: what will be appended, in this order; names must be unique.
  package init(
    _ path: String, tensors: [TensorDescription],
    metadata: [(key: String, value: String)] = [("format", "pt")]
  ) throws(Failure) {
    self.path = path
    self.tensors = tensors
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw Failure(.io, "cannot create '\(path)': \(unsafe String(cString: strerror(errno)))")
    }
    let header = Self.header(tensors, metadata)
    try unsafe header.span.withUnsafeBytes { (bytes) throws(Failure) in try unsafe write(bytes) }
  }

  deinit { close(descriptor) }

  /// Appends the next tensor as it is stored.
  package func append(_ tensor: StoredTensor) throws(Failure) {
    expectNext(dtype: tensor.dtype, shape: tensor.shape)
    try unsafe write(UnsafeRawBufferPointer(start: tensor.bytes, count: tensor.byteCount))
  }

  /// Appends the next tensor, declared as F32, F16 or BF16; the values are rounded to nearest, ties to even.
  package func append(_ tensor: Tensor) throws(Failure) {
    let dtype = tensors[next].dtype
    expectNext(dtype: dtype, shape: tensor.shape)
    let floats = unsafe UnsafeBufferPointer(start: tensor.pointer, count: tensor.count)
    switch dtype {
    case .f32:
      try unsafe write(UnsafeRawBufferPointer(floats))
    case .f16, .bf16:
      let piece = 1 << 16
      for start in stride(from: 0, to: tensor.count, by: piece) {
        let values = unsafe floats[start..<min(start + piece, tensor.count)]
        let halves = unsafe dtype == .f16 ? values.map { Float16($0).bitPattern } : values.map(\.bfloat16)
        try unsafe halves.span.withUnsafeBytes { (bytes) throws(Failure) in try unsafe write(bytes) }
      }
    default:
      preconditionFailure("\(tensors[next - 1].name): floats cannot be written as \(dtype.rawValue)")
    }
  }

  /// Ends the file. Every declared tensor must have been appended.
  package func finish() {
    precondition(next == tensors.count, "\(path): \(tensors.count - next) declared tensors were not written")
  }

  private func expectNext(dtype: DType, shape: [Int]) {
    precondition(next < tensors.count, "\(path): more tensors than were declared")
    let expected = tensors[next]
    precondition(
      dtype == expected.dtype && shape == expected.shape,
      "\(expected.name): declared as \(expected.dtype.rawValue) \(expected.shape), found \(dtype.rawValue) \(shape)"
    )
    next += 1
  }

  private func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
    var done = 0
    while unsafe done < bytes.count {
      let count = unsafe Glibc.write(
        descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw Failure(.io, "cannot write '\(path)': \(unsafe String(cString: strerror(errno)))")
      }
      done += count
    }
  }

  /// Length and JSON text, padded with spaces so that the data starts at a multiple of 8.
  private static func header(
    _ tensors: [TensorDescription], _ metadata: [(key: String, value: String)]
  ) -> [UInt8] {
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

  /// A JSON string; what is not printable ASCII but quote and backslash stays as it is, controls are escaped.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\u{0}"..<" ":
        let hex = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
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
