import Glibc
import Synchronization

/// Memory that floats lie in, page-aligned or 64-byte aligned, as vector loads like it.
///
/// Large pieces are mappings of their own, so that one which is given back is free whatever lies beside it. A training step
/// asks for the same sizes again and again, and fresh memory costs a page fault for every 4 KB: pieces that are freed
/// are kept for whoever asks next, within `MappingPool.limit`.
@safe final class FloatMemory {
  let floats: UnsafeMutablePointer<Float>
  /// What a small piece was cut from, to be aligned.
  private let allocation: UnsafeMutableRawPointer?
  private let mapping: Mapping?

  init(count: Int) {
    let bytes = count * MemoryLayout<Float>.size
    if bytes < Mapping.smallest {
      // Aligned by hand, for glibc's aligned allocation does not reuse a freed piece of the very same size.
      let start = UnsafeMutableRawPointer.allocate(byteCount: bytes + 64, alignment: 16)
      unsafe floats = start.alignedUp(toMultipleOf: 64).bindMemory(to: Float.self, capacity: count)
      unsafe allocation = start
      mapping = nil
    } else {
      let mapping = MappingPool.shared.withLock { $0.take(bytes) }
      unsafe floats = mapping.start.bindMemory(to: Float.self, capacity: count)
      unsafe allocation = nil
      self.mapping = mapping
    }
  }

  deinit {
    if let mapping { MappingPool.shared.withLock { $0.give(mapping) } }
    unsafe allocation?.deallocate()
  }
}

/// Pages of the process's own.
@safe struct Mapping: @unchecked Sendable {
  /// Fewer bytes are not worth pages of their own.
  static let smallest = 1 << 16
  private static let page = 4096

  let start: UnsafeMutableRawPointer
  let bytes: Int

  /// Fresh pages that hold at least so many bytes.
  init(bytes: Int) {
    self.bytes = (bytes + Self.page - 1) / Self.page * Self.page
    guard let start = unsafe mmap(nil, self.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      unsafe start != MAP_FAILED
    else { fatalError("out of memory: the system has no \(bytes) bytes left") }
    // Huge pages where the system has them: one fault in place of 512, and fewer addresses to look up. Only a wish.
    unsafe madvise(start, self.bytes, MADV_HUGEPAGE)
    unsafe self.start = start
  }

  func unmap() { unsafe munmap(start, bytes) }
}

extension Tensor {
  /// Gives back to the system what tensors had that are gone, and forgets how much it was.
  package static func releaseFreedMemory() { MappingPool.shared.withLock { $0.clear() } }

  /// What freed tensors take at most besides those in use, where so many bytes are in use at the peak.
  package static func freedBytes(besides bytes: Int) -> Int { MappingPool.limit(mostUsed: bytes) - bytes }
}

/// The mappings that tensors have given back.
struct MappingPool {
  static let shared = Mutex(MappingPool())

  /// In the order in which they were given back.
  private var idle: [Mapping] = []
  private var idleBytes = 0
  private var usedBytes = 0
  /// The most bytes that were ever in use at once.
  private var mostUsed = 0

  /// The most that is held: a little more than was ever in use at once. With nothing to spare, the sizes that
  /// a step's parts want in turn would drive each other out at its peak, and the system clears every page anew.
  static func limit(mostUsed: Int) -> Int { mostUsed + mostUsed / 32 }

  /// What is in use, and what waits to be.
  var heldBytes: Int { usedBytes + idleBytes }

  /// The smallest idle mapping that is large enough and at most a quarter too large, else a fresh one.
  mutating func take(_ bytes: Int) -> Mapping {
    var best: Int?
    for index in idle.indices where bytes...bytes + bytes / 4 ~= idle[index].bytes {
      if best.map({ idle[index].bytes < idle[$0].bytes }) ?? true { best = index }
    }
    let mapping: Mapping
    if let best {
      mapping = idle.remove(at: best)
      idleBytes -= mapping.bytes
    } else {
      release(downTo: max(Self.limit(mostUsed: mostUsed) - usedBytes - bytes, 0))
      mapping = Mapping(bytes: bytes)
    }
    usedBytes += mapping.bytes
    mostUsed = max(mostUsed, usedBytes)
    return mapping
  }

  mutating func give(_ mapping: Mapping) {
    usedBytes -= mapping.bytes
    idle.append(mapping)
    idleBytes += mapping.bytes
  }

  mutating func clear() {
    release(downTo: 0)
    mostUsed = usedBytes
  }

  /// Unmaps what has been idle for longest until no more than `limit` bytes are.
  private mutating func release(downTo limit: Int) {
    var count = 0
    while idleBytes > limit {
      idle[count].unmap()
      idleBytes -= idle[count].bytes
      count += 1
    }
    idle.removeFirst(count)
  }
}
