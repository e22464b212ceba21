import Glibc

/// A tensor as it lies in a file: typed bytes that are read and never written, usually mapped memory.
@safe package struct StoredTensor: @unchecked Sendable {
  package let dtype: DType
  package let shape: [Int]
  /// The first byte; `byteCount` bytes can be read. Valid as long as `owner` lives.
  package let bytes: UnsafeRawPointer
  /// Keeps the bytes alive, for example the mapping of a file.
  private let owner: any AnyObject & Sendable

  /// - Parameter bytes: at least the product of `shape` times the element size, aligned to the element size.
  package init(dtype: DType, shape: [Int], bytes: UnsafeRawPointer, owner: any AnyObject & Sendable) {
    self.dtype = dtype
    self.shape = shape
    unsafe self.bytes = bytes
    self.owner = owner
  }

  package var count: Int { shape.reduce(1, *) }
  package var byteCount: Int { count * dtype.size }

  /// Whether another tensor has the same bytes under the same type and shape.
  package func isIdentical(to other: StoredTensor) -> Bool {
    guard dtype == other.dtype, shape == other.shape else { return false }
    return unsafe memcmp(bytes, other.bytes, byteCount) == 0
  }
}

extension StoredTensor {
  /// A tensor in memory of its own, from values in their machine form.
  package init<Value: BitwiseCopyable & Sendable>(_ values: [Value], dtype: DType, shape: [Int]) {
    precondition(MemoryLayout<Value>.stride == dtype.size && shape.reduce(1, *) == values.count)
    let copy = ArrayOwner(values)
    unsafe self.init(dtype: dtype, shape: shape, bytes: UnsafeRawPointer(copy.start), owner: copy)
  }
}

/// Memory that holds a copy of an array.
@safe private final class ArrayOwner<Value: BitwiseCopyable & Sendable>: @unchecked Sendable {
  let start: UnsafeMutablePointer<Value>

  init(_ values: [Value]) {
    unsafe start = UnsafeMutablePointer<Value>.allocate(capacity: max(1, values.count))
    unsafe start.initialize(from: values, count: values.count)
  }

  deinit { unsafe start.deallocate() }
}
