import CPCRE2
package import Failures

/// A regular expression (PCRE2, Unicode properties), compiled once and usable from any thread.
///
/// Matching is bounded: a pattern that would backtrack without end fails instead of hanging.
@safe package final class RegularExpression: @unchecked Sendable {
  package let pattern: String
  /// Read-only after `init`, as PCRE2 asks of code that threads share.
  private let code: OpaquePointer
  /// The limits; never changed after `init`.
  private let context: OpaquePointer

  /// Steps of backtracking before a match gives up: tenths of a second.
  private static let matchLimit: UInt32 = 10_000_000
  /// Kibibytes that the interpreter may use when a match outgrows the compiled code's stack.
  private static let heapLimit: UInt32 = 256 << 10
  /// Bytes of a pattern; the longest one in use for tokenization has about a thousand.
  private static let maximumPatternLength = 65_536

  /// - Throws: `Failure.badData` with the pattern and the character at which it is wrong.
  package init(_ pattern: String) throws(Failure) {
    guard pattern.utf8.count <= Self.maximumPatternLength else {
      throw Failure(
        .badData,
        "a regular expression of \(pattern.utf8.count) bytes is too long (at most \(Self.maximumPatternLength))"
      )
    }
    let code = unsafe try Self.compile(pattern)
    guard let context = unsafe pcre2_match_context_create_8(nil) else {
      unsafe pcre2_code_free_8(code)
      throw Failure(.internal, "no memory for a regular expression")
    }
    _ = unsafe pcre2_set_match_limit_8(context, Self.matchLimit)
    _ = unsafe pcre2_set_heap_limit_8(context, Self.heapLimit)
    // Where the processor has no just-in-time compiler, the interpreter gives the same matches.
    _ = unsafe pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE))
    self.pattern = pattern
    unsafe self.code = code
    unsafe self.context = context
  }

  deinit {
    unsafe pcre2_match_context_free_8(context)
    unsafe pcre2_code_free_8(code)
  }

  private static func compile(_ pattern: String) throws(Failure) -> OpaquePointer {
    let options = UInt32(PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C)
    var error: CInt = 0
    var offset = 0
    let bytes = Array(pattern.utf8)
    let code = unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe pcre2_compile_8(buffer.baseAddress, buffer.count, options, &error, &offset, nil)
    }
    if let code = unsafe code { return unsafe code }
    let characters = String(decoding: bytes.prefix(offset), as: UTF8.self).unicodeScalars.count
    throw Failure(
      .badData,
      "the regular expression '\(pattern)' is wrong at character \(characters + 1): \(message(error))")
  }

  private static func message(_ error: CInt) -> String {
    var text = [UInt8](repeating: 0, count: 256)
    let count = unsafe text.withUnsafeMutableBufferPointer { buffer in
      unsafe pcre2_get_error_message_8(error, buffer.baseAddress, buffer.count)
    }
    return count < 0 ? "error \(error)" : String(decoding: text.prefix(Int(count)), as: UTF8.self)
  }
}

// MARK: - Matching

extension RegularExpression {
  /// Whether the whole of `text` matches, as Python's `re.fullmatch` asks.
  ///
  /// - Throws: `Failure.badData` when the match exceeds its limits.
  package func wholeMatch(_ text: String) throws(Failure) -> Bool {
    let options = UInt32(PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NO_UTF_CHECK)
    let bytes = Array(text.utf8)
    return try match(in: bytes.span, from: 0, options: options, into: try MatchData()) != nil
  }

  /// The matches in `utf8` from left to right as byte ranges. They do not overlap; an empty match is
  /// not taken where the match before it ends.
  ///
  /// - Throws: `Failure.badData` when the bytes are not UTF-8 or a match exceeds its limits.
  package func ranges(in utf8: Span<UInt8>) throws(Failure) -> [Range<Int>] {
    let matchData = try MatchData()
    var ranges: [Range<Int>] = []
    var start = 0
    var options: UInt32 = 0  // the first search checks the encoding for all
    while start <= utf8.count,
      let range = try match(in: utf8, from: start, options: options, into: matchData)
    {
      options = UInt32(PCRE2_NO_UTF_CHECK)
      if range.isEmpty, range.lowerBound == ranges.last?.upperBound {
        start += 1
        while start < utf8.count, utf8[start] & 0xC0 == 0x80 { start += 1 }
      } else {
        ranges.append(range)
        start = range.upperBound
      }
    }
    return ranges
  }

  package func ranges(in utf8: [UInt8]) throws(Failure) -> [Range<Int>] { try ranges(in: utf8.span) }

  private func match(
    in text: Span<UInt8>, from start: Int, options: UInt32, into data: MatchData
  ) throws(Failure) -> Range<Int>? {
    var result = unsafe text.withUnsafeBufferPointer { buffer in
      unsafe pcre2_match_8(code, buffer.baseAddress, buffer.count, start, options, data.pointer, context)
    }
    if result == PCRE2_ERROR_JIT_STACKLIMIT {
      let options = options | UInt32(PCRE2_NO_JIT)
      result = unsafe text.withUnsafeBufferPointer { buffer in
        unsafe pcre2_match_8(code, buffer.baseAddress, buffer.count, start, options, data.pointer, context)
      }
    }
    if result == PCRE2_ERROR_NOMATCH { return nil }
    guard result >= 0, let range = data.range else {
      throw Failure(
        .badData,
        "matching the regular expression '\(pattern)' on \(text.count) bytes failed: \(Self.message(result))",
        hint: result == PCRE2_ERROR_MATCHLIMIT
          ? "the pattern backtracks too much; write it less ambiguously" : nil)
    }
    return range
  }

  /// Where PCRE2 puts the bounds of a match; one for each call, so that threads never share it.
  @safe private final class MatchData {
    let pointer: OpaquePointer

    init() throws(Failure) {
      guard let pointer = unsafe pcre2_match_data_create_8(1, nil) else {
        throw Failure(.internal, "no memory for matching a regular expression")
      }
      unsafe self.pointer = pointer
    }

    deinit { unsafe pcre2_match_data_free_8(pointer) }

    /// The bounds of the last match; nil when they are the wrong way round.
    var range: Range<Int>? {
      guard let bounds = unsafe pcre2_get_ovector_pointer_8(pointer) else { return nil }
      let (lower, upper) = unsafe (Int(bounds[0]), Int(bounds[1]))
      return lower <= upper ? lower..<upper : nil
    }
  }
}
