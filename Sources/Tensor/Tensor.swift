// Shape letters, here and everywhere: T tokens of a micro-batch (all rows one after another), D model width,
// F feed-forward width, H query heads, K key/value heads, d head width, V vocabulary, r rank, n number of bases.

/// A float32 array in row-major order, its memory shared by every copy of the value.
///
/// There are no strides, views or broadcasting: an operation takes whole tensors and says their shapes.
/// Copies share memory, so whoever writes must be the only user at that time; operations say what they write.
package struct Tensor: @unchecked Sendable {
  package let shape: [Int]
  package let count: Int
  private let memory: FloatMemory

  /// A tensor of zeros.
  package init(_ shape: Int...) { self.init(shape: shape) }

  /// A tensor of zeros.
  package init(shape: [Int]) {
    self.init(unfilled: shape)
    unsafe pointer.initialize(repeating: 0, count: count)
  }

  /// A tensor whose elements are undefined until somebody has written them all.
  package init(unfilled shape: [Int]) {
    precondition(shape.allSatisfy { $0 >= 0 }, "negative dimension in \(shape)")
    self.shape = shape
    count = shape.reduce(1, *)
    memory = FloatMemory(count: count)
  }

  package init(_ values: [Float], shape: [Int]) {
    self.init(unfilled: shape)
    precondition(values.count == count, "\(values.count) values do not fill shape \(shape)")
    unsafe pointer.update(from: values, count: count)
  }

  /// The same memory in another shape of as many elements.
  package func reshaped(_ shape: [Int]) -> Tensor { Tensor(sharing: self, shape: shape) }

  private init(sharing other: Tensor, shape: [Int]) {
    precondition(shape.reduce(1, *) == other.count, "\(other.shape) has no shape \(shape)")
    (self.shape, count, memory) = (shape, other.count, other.memory)
  }

  /// The first element. Valid as long as a copy of this tensor lives.
  package var pointer: UnsafeMutablePointer<Float> { unsafe memory.floats }

  package var array: [Float] { unsafe Array(UnsafeBufferPointer(start: pointer, count: count)) }

  /// One element, by its position in memory.
  package subscript(index: Int) -> Float {
    get {
      precondition(index >= 0 && index < count)
      return unsafe pointer[index]
    }
    nonmutating set {
      precondition(index >= 0 && index < count)
      unsafe pointer[index] = newValue
    }
  }
}
