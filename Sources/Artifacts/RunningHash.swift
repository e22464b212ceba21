import CCrypto

/// A hash that is fed a piece at a time, computed by OpenSSL's libcrypto (with the processor's SHA instructions where it
/// has them).
@safe package struct RunningHash: ~Copyable {
  package enum Algorithm: Sendable {
    /// What artifacts go by.
    case sha256
    /// What git names its objects by.
    case sha1
  }

  private let context: OpaquePointer

  package init(_ algorithm: Algorithm = .sha256) {
    let function = unsafe algorithm == .sha256 ? EVP_sha256() : EVP_sha1()
    // Allocation and the built-in digests can only fail when memory is exhausted.
    guard let context = unsafe EVP_MD_CTX_new(), unsafe EVP_DigestInit_ex(context, function, nil) == 1 else {
      fatalError("libcrypto cannot start a hash")
    }
    unsafe self.context = unsafe context
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  package mutating func update(_ bytes: [UInt8]) { update(bytes[...]) }

  package mutating func update(_ bytes: ArraySlice<UInt8>) {
    let status = unsafe bytes.withUnsafeBytes { unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
    precondition(status == 1)
  }

  /// The hash in lower-case hexadecimal.
  package consuming func finish() -> String {
    var bytes = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    let status = unsafe bytes.withUnsafeMutableBufferPointer {
      unsafe EVP_DigestFinal_ex(context, $0.baseAddress, &count)
    }
    precondition(status == 1)
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: bytes.prefix(Int(count)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
      as: UTF8.self)
  }
}
