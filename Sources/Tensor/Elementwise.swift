import CKernels

extension Tensor {
  /// Floats that one thread takes at a time.
  private static let block = 1 << 15

  /// `self += other`
  package func add(_ other: Tensor) {
    precondition(other.count == count)
    Parallel.forEachRange(of: count, by: Self.block) { range in
      unsafe rl_add(range.count, other.pointer + range.lowerBound, pointer + range.lowerBound)
    }
  }

  /// `self *= factor`
  package func scale(by factor: Float) {
    Parallel.forEachRange(of: count, by: Self.block) { range in
      unsafe rl_scale(range.count, factor, pointer + range.lowerBound)
    }
  }

  /// Adds `bias` (D) to each of the first T rows of `self` (T, D).
  package func add(bias: Tensor, tokens T: Int) {
    precondition(count >= T * bias.count)
    unsafe rl_add_bias(T, bias.count, bias.pointer, pointer)
  }

  /// `self += value`
  package func add(_ value: Float) {
    for index in 0..<count { self[index] += value }
  }

  package func fill(with value: Float) {
    Parallel.forEachRange(of: count, by: Self.block) { range in
      unsafe (pointer + range.lowerBound).update(repeating: value, count: range.count)
    }
  }

  /// Copies the elements of `other` over this tensor's own.
  package func copy(from other: Tensor) {
    precondition(other.count == count)
    unsafe pointer.update(from: other.pointer, count: count)
  }

  /// Copies the elements from `start` on of `other` over this tensor's own.
  package func copy(from other: Tensor, at start: Int) {
    precondition(start >= 0 && start + count <= other.count)
    unsafe pointer.update(from: other.pointer + start, count: count)
  }

  /// Adds the elements of `other` to this tensor's from `start` on.
  package func add(_ other: Tensor, at start: Int) {
    precondition(start >= 0 && start + other.count <= count)
    unsafe rl_add(other.count, other.pointer, pointer + start)
  }

  /// Adds each row of `rows` (T, D) to this tensor (D).
  package func addSum(ofRows rows: Tensor) {
    precondition(rows.count % count == 0)
    unsafe rl_add_rows(rows.count / count, count, rows.pointer, pointer)
  }

  /// Adds row t of `rows` (T, D), times `factor`, to row `ids[t]` of this tensor (V, D): the gradient of the embedding lookup.
  package func scatterAdd(_ rows: Tensor, ids: [Int32], factor: Float) {
    let D = shape[1]
    precondition(rows.count == ids.count * D && ids.allSatisfy { $0 >= 0 && $0 < shape[0] })
    for (row, id) in ids.enumerated() {
      unsafe rl_multiply_add(D, factor, rows.pointer + row * D, pointer + Int(id) * D)
    }
  }

  /// A copy with memory of its own.
  package func duplicate() -> Tensor {
    let copy = Tensor(unfilled: shape)
    copy.copy(from: self)
    return copy
  }

  /// The sum of the squares, added in double precision.
  package var sumOfSquares: Double { unsafe rl_sum_squares(count, pointer) }

  package var sum: Double { unsafe rl_sum(count, pointer) }
}

extension Tensor {
  /// A copy of consecutive elements, in a shape of its own.
  package func slice(_ range: Range<Int>, shape: [Int]) -> Tensor {
    let slice = Tensor(unfilled: shape)
    precondition(range.lowerBound >= 0 && range.upperBound <= count && range.count == slice.count)
    unsafe slice.pointer.update(from: pointer + range.lowerBound, count: range.count)
    return slice
  }

  /// Copies all elements of another tensor over those from `start` on.
  package func replace(from start: Int, with other: Tensor) {
    precondition(start >= 0 && start + other.count <= count)
    unsafe (pointer + start).update(from: other.pointer, count: other.count)
  }

  /// Copies rows `source` of `other` to this tensor's rows from `destination` on; both (rows, D).
  package func copyRows(of other: Tensor, _ source: Range<Int>, to destination: Int) {
    let D = shape[1]
    precondition(other.shape[1] == D && source.upperBound <= other.shape[0])
    precondition(destination >= 0 && destination + source.count <= shape[0])
    unsafe (pointer + destination * D).update(from: other.pointer + source.lowerBound * D, count: source.count * D)
  }
}
