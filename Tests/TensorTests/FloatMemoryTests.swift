import Testing

@testable import Tensor

private let page = 4096

extension Mapping {
  fileprivate var address: Int { unsafe Int(bitPattern: start) }
}

@Test func `memory that was given back is taken again by who needs nearly as much`() {
  var pool = MappingPool()
  let first = pool.take(100 * page)
  pool.give(first)
  let again = pool.take(90 * page)
  #expect(again.address == first.address)
  pool.give(again)
  let larger = pool.take(101 * page), smaller = pool.take(79 * page)
  #expect(![larger.address, smaller.address].contains(first.address))
  for mapping in [larger, smaller] { mapping.unmap() }
  pool.clear()
}

@Test func `of idle memory the smallest that fits is taken`() {
  var pool = MappingPool()
  let (large, small) = (pool.take(100 * page), pool.take(96 * page))
  pool.give(large)
  pool.give(small)
  let taken = pool.take(95 * page)
  #expect(taken.address == small.address)
  taken.unmap()
  pool.clear()
}

@Test func `a small piece does not drive out a large one`() {
  var pool = MappingPool()
  let large = pool.take(3200 * page)
  pool.give(large)
  pool.give(pool.take(40 * page))
  let again = pool.take(3200 * page)
  #expect(again.address == large.address)
  again.unmap()
  pool.clear()
}

@Test func `hardly more memory is held than was in use at once, or is just being asked for`() {
  var pool = MappingPool(), used: [Mapping] = [], most = 0, generator = SplitMix64(seed: 3)
  for _ in 0..<2000 {
    if !used.isEmpty, generator.next(below: 2) == 0 {
      pool.give(used.remove(at: generator.next(below: used.count)))
    } else {
      used.append(pool.take((1 + generator.next(below: 40)) * 20 * page))
    }
    most = max(most, used.reduce(0) { $0 + $1.bytes })
    #expect(pool.heldBytes <= MappingPool.limit(mostUsed: most))
  }
  for mapping in used { pool.give(mapping) }
  #expect(pool.heldBytes > 0)
  pool.clear()
  #expect(pool.heldBytes == 0)
}

@Test(arguments: [0, 1, 16_383, 16_384, 100_000]) func `floats are aligned for vectors and hold what is written`(_ count: Int) {
  let memory = FloatMemory(count: count)
  let address = unsafe Int(bitPattern: memory.floats)
  #expect(address % 64 == 0)
  for index in 0..<count { unsafe memory.floats[index] = Float(index) }
  let last = unsafe count == 0 ? -1 : memory.floats[count - 1]
  #expect(last == Float(count - 1))
}
