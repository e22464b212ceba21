import Glibc

/// A hash table from byte strings to entries 0, 1, 2, … in the order of insertion.
///
/// Keys are compared by bytes and lie end to end in one array, so that a lookup needs no string and no allocation.
struct ByteTable: Sendable {
  private var arena: [UInt8] = []
  /// Where the key of each entry ends in `arena`; it starts where the one before ends.
  private var ends: [Int] = []
  /// Entry + 1, or 0 for a free slot; a power of two of them, at most half used.
  private var slots: [Int32]

  init(capacity: Int = 16) {
    var size = 16
    while size < 2 * capacity { size *= 2 }
    slots = Array(repeating: 0, count: size)
  }

  /// The number of entries.
  var count: Int { ends.count }

  private func bounds(of entry: Int) -> Range<Int> { (entry == 0 ? 0 : ends[entry - 1])..<ends[entry] }

  /// The key of an entry.
  func key(of entry: Int) -> ArraySlice<UInt8> { arena[bounds(of: entry)] }

  /// The entry of a key, or nil.
  func entry(of key: Span<UInt8>) -> Int? {
    let slot = slot(of: key)
    return slots[slot] == 0 ? nil : Int(slots[slot]) - 1
  }

  /// Adds a key and returns its entry; nil when it is there already.
  mutating func insert(_ key: Span<UInt8>) -> Int? {
    if 2 * (count + 1) > slots.count { grow() }
    let slot = slot(of: key)
    guard slots[slot] == 0 else { return nil }
    for index in key.indices { arena.append(key[index]) }
    ends.append(arena.count)
    slots[slot] = Int32(count)
    return count - 1
  }

  private mutating func grow() {
    slots = Array(repeating: 0, count: 2 * slots.count)
    for entry in 0..<count { slots[slot(of: arena.span.extracting(bounds(of: entry)))] = Int32(entry + 1) }
  }

  /// The slot that holds `key`, or the free one where it belongs.
  private func slot(of key: Span<UInt8>) -> Int {
    var slot = Self.hash(key) & (slots.count - 1)
    while slots[slot] != 0, !equal(Int(slots[slot]) - 1, key) { slot = (slot + 1) & (slots.count - 1) }
    return slot
  }

  private func equal(_ entry: Int, _ key: Span<UInt8>) -> Bool {
    let bounds = bounds(of: entry)
    guard bounds.count == key.count else { return false }
    guard key.count > 0 else { return true }
    return unsafe arena.span.extracting(bounds).withUnsafeBytes { stored in
      unsafe key.withUnsafeBytes { wanted in
        guard let stored = stored.baseAddress, let wanted = wanted.baseAddress else { return false }
        return unsafe memcmp(stored, wanted, bounds.count) == 0
      }
    }
  }

  /// Seeded by the process, so that no file can be made to collide; the order of entries does not depend on it.
  private static func hash(_ key: Span<UInt8>) -> Int {
    var hasher = Hasher()
    unsafe key.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    return hasher.finalize()
  }
}
