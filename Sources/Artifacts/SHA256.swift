import CCrypto

/// A running SHA-256, computed by OpenSSL's libcrypto (with the processor's SHA instructions where it has them).
@safe struct SHA256: ~Copyable {
  private let context: OpaquePointer

  init() {
    // Allocation and the built-in digest can only fail when memory is exhausted.
    guard let context = unsafe EVP_MD_CTX_new(), unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
    else {
      fatalError("libcrypto cannot start a SHA-256")
    }
    unsafe self.context = unsafe context
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  mutating func update(_ bytes: [UInt8]) { update(bytes[...]) }

  mutating func update(_ bytes: ArraySlice<UInt8>) {
    let status = unsafe bytes.withUnsafeBytes { unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
    precondition(status == 1)
  }

  consuming func finish() -> Digest {
    var bytes = [UInt8](repeating: 0, count: 32)
    let status = unsafe bytes.withUnsafeMutableBufferPointer {
      unsafe EVP_DigestFinal_ex(context, $0.baseAddress, nil)
    }
    precondition(status == 1)
    return Digest(bytes: bytes)
  }
}
