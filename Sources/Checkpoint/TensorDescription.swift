package import Tensor

/// What a safetensors header says about one tensor.
package struct TensorDescription: Sendable, Equatable {
  package let name: String
  package let dtype: DType
  package let shape: [Int]

  package init(name: String, dtype: DType, shape: [Int]) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
  }

  /// Bytes that the elements take, or nil when the number does not fit.
  package var byteCount: Int? {
    var bytes = dtype.size
    for dimension in shape {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: dimension)
      guard dimension >= 0, !overflow else { return nil }
      bytes = product
    }
    return bytes
  }

}
