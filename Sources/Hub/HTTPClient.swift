import Artifacts
import CCurl
import Failures
import Glibc

/// A client of HTTP: libcurl, with certificates checked, proxies as the environment has them, and no redirects of its own.
@safe final class HTTPClient {
  /// What went wrong on the way, before or after an answer began.
  struct Problem: Error {
    let message: String
    /// Whether another try may do better.
    let isTemporary: Bool
  }

  private let handle: UnsafeMutableRawPointer
  private let isStopped: () -> Bool
  /// Whom to trust, when not those whom the machine trusts.
  private let certificates: String?

  /// Tries of one request, and seconds to wait after the first of them, doubled each time (`utils/_http.py`).
  static let tries = 5, firstPause = 1.0
  private static let longestPause = 8.0

  /// More than any answer has that is not a file.
  private static let answerLimit = 64 << 20

  /// - Parameters:
  ///   - environment: the value of a variable.
  ///   - isStopped: whether to give up: asked a few times a second.
  /// - Throws: `Failure.internal` when libcurl cannot start.
  init(environment: (String) -> String?, isStopped: @escaping () -> Bool) throws(Failure) {
    guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK, let handle = unsafe curl_easy_init() else {
      throw Failure(.internal, "libcurl cannot start")
    }
    unsafe self.handle = unsafe handle
    self.isStopped = isStopped
    // libcurl looks at neither by itself.
    certificates = ["SSL_CERT_FILE", "CURL_CA_BUNDLE"].compactMap(environment).first { !$0.isEmpty }
  }

  deinit { unsafe curl_easy_cleanup(handle) }

  /// Sends a request, again where a later try may succeed.
  ///
  /// - Parameter sent: told how many bytes of the body went out; fewer than none when they did in vain.
  /// - Returns: the answer, whatever its status.
  /// - Throws: `Failure.io` when there is none, `Failure.interrupted`.
  func send(_ request: HTTPRequest, sent: @escaping (Int) -> Void = { _ in }) throws(Failure) -> HTTPResponse
  {
    var attempt = 1, pause = Self.firstPause
    while true {
      var wait = pause
      do throws(Problem) {
        let response = try once(request, sent: sent)
        guard response.isTemporary, attempt < Self.tries else { return response }
        wait = Self.wantedPause(response) ?? pause
      } catch {
        try requireGoingOn()
        guard error.isTemporary, attempt < Self.tries else { throw unreachable(request, error) }
      }
      try sleep(wait)
      (attempt, pause) = (attempt + 1, min(2 * pause, Self.longestPause))
    }
  }

  /// Waits, unless a stop is asked for.
  func sleep(_ seconds: Double) throws(Failure) {
    for _ in 0..<Int(10 * seconds) {
      try requireGoingOn()
      usleep(100_000)
    }
  }

  func requireGoingOn() throws(Failure) {
    if isStopped() {
      throw Failure(
        .interrupted, "stopped on request", hint: "run the same command again; it goes on where it was")
    }
  }

  func unreachable(_ request: HTTPRequest, _ problem: Problem) -> Failure {
    Failure(
      .io, "\(request.method) \(request.url.publicText) failed: \(problem.message)",
      hint: "look to the connection (and https_proxy, SSL_CERT_FILE), then run the same command again")
  }

  /// How long the server wants to be left alone: `RateLimit: "api";r=0;t=55` or `Retry-After: 55`, five minutes at most.
  private static func wantedPause(_ response: HTTPResponse) -> Double? {
    guard response.status == 429 else { return nil }
    let limit = response.headers["ratelimit"]?.split(separator: ";").first { $0.hasPrefix("t=") }.flatMap {
      Int($0.dropFirst(2))
    }
    let seconds = limit ?? response.headers["retry-after"].flatMap { Int($0) }
    return seconds.map { Double(max(0, min($0, 300)) + 1) }
  }

  // MARK: - One try

  /// Sends a request once.
  ///
  /// - Parameters:
  ///   - sent: told how many bytes of the body went out; fewer than none when they did in vain.
  ///   - receive: takes the body of a successful answer piece by piece, after its headers; false: no more.
  func once(
    _ request: HTTPRequest, sent: @escaping (Int) -> Void = { _ in },
    receive: ((HTTPResponse, [UInt8]) -> Bool)? = nil
  ) throws(Problem) -> HTTPResponse {
    unsafe curl_easy_reset(handle)
    var count = 0, isTaken = false
    defer { if !isTaken { sent(-count) } }
    let note: (Int) -> Void = {
      count += $0
      sent($0)
    }
    let transfer = Transfer(sent: note, receive: receive, limit: Self.answerLimit, isStopped: isStopped)
    try set(CURLOPT_URL, request.url.text)
    try setProtocols(request.url)
    if let certificates { try set(CURLOPT_CAINFO, certificates) }
    try set(CURLOPT_USERAGENT, "randlora")
    if let signature = request.signature {
      try set(CURLOPT_AWS_SIGV4, "aws:amz:\(signature.region):s3")
      try set(CURLOPT_USERPWD, "\(signature.key):\(signature.secret)")
    }
    try setLimits(isFile: request.isFile && !request.isAnsweredLate || receive != nil)
    try setMethod(request, transfer)
    var list: UnsafeMutablePointer<curl_slist>?
    defer { unsafe curl_slist_free_all(list) }
    // Without these, curl waits a second for leave to send, and says of what kind a form is. Signing, it would sign them though
    // they are not sent (libcurl 7.88); a store gives leave, and knows no forms.
    let unwanted = request.signature == nil ? [("Expect", ""), ("Content-Type", "")] : []
    for (name, value) in unwanted + request.headers {
      guard let longer = unsafe curl_slist_append(list, value.isEmpty ? name + ":" : "\(name): \(value)")
      else { continue }
      unsafe list = unsafe longer
    }
    try check(unsafe rl_curl_set_list(handle, CURLOPT_HTTPHEADER, list))
    try listen(transfer)
    let code = withExtendedLifetime(transfer) { unsafe curl_easy_perform(handle) }
    if let problem = transfer.problem { throw problem }
    if code == CURLE_WRITE_ERROR, transfer.isEnough { return transfer.response }
    try check(code)
    isTaken = transfer.response.isSuccess
    return transfer.response
  }

  private func set(_ option: CURLoption, _ text: String) throws(Problem) {
    try check(unsafe rl_curl_set_text(handle, option, text))
  }

  private func set(_ option: CURLoption, _ number: Int) throws(Problem) {
    try check(unsafe rl_curl_set_number(handle, option, number))
  }

  private func setProtocols(_ url: URLText) throws(Problem) {
    try set(CURLOPT_PROTOCOLS_STR, "https,http")  // `URLText` lets http through for this machine alone
    if url.origin.hasPrefix("http:") { try set(CURLOPT_NOPROXY, "*") }  // and there it stays
    try set(CURLOPT_FOLLOWLOCATION, 0)
    try set(CURLOPT_NOSIGNAL, 1)
  }

  private func setLimits(isFile: Bool) throws(Problem) {
    try set(CURLOPT_CONNECTTIMEOUT, 15)
    // Given up when nothing comes or goes for so many seconds: a file flows, while a server may think long about a commit.
    try set(CURLOPT_LOW_SPEED_LIMIT, 1)
    try set(CURLOPT_LOW_SPEED_TIME, isFile ? 60 : 600)
    // Wishes: a handle whose last try found no host keeps its buffers and refuses others (libcurl 7.88, setopt.c).
    _ = unsafe rl_curl_set_number(handle, CURLOPT_BUFFERSIZE, 512 << 10)
    _ = unsafe rl_curl_set_number(handle, CURLOPT_UPLOAD_BUFFERSIZE, 1 << 20)
  }

  private func setMethod(_ request: HTTPRequest, _ transfer: Transfer) throws(Problem) {
    try set(CURLOPT_CUSTOMREQUEST, request.method)
    if request.method == "HEAD" { try set(CURLOPT_NOBODY, 1) }  // none comes, however long it is said to be
    let size: Int
    switch request.body {
    case .none: return
    case .bytes(let bytes):
      transfer.content = .bytes(bytes[...])
      size = bytes.count
    case .file(let path, let range):
      do throws(Failure) {
        transfer.content = .file(FileSlice(try OpenFile(reading: path), range))
      } catch {
        throw Problem(message: error.message, isTemporary: false)
      }
      size = range.count
    }
    try set(CURLOPT_UPLOAD, 1)
    try check(unsafe rl_curl_set_size(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(size)))
  }

  private func listen(_ transfer: Transfer) throws(Problem) {
    let context = unsafe Unmanaged.passUnretained(transfer).toOpaque()
    for option in [CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_READDATA, CURLOPT_XFERINFODATA] {
      try check(unsafe rl_curl_set_context(handle, option, context))
    }
    try check(
      unsafe rl_curl_set_transfer(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
        guard let transfer = unsafe Transfer.at(context) else { return 0 }
        return unsafe transfer.take(UnsafeRawBufferPointer(start: bytes, count: size * count))
      })
    try check(
      unsafe rl_curl_set_transfer(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
        unsafe Transfer.at(context)?.takeHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
        return size * count
      })
    try check(
      unsafe rl_curl_set_transfer(handle, CURLOPT_READFUNCTION) { bytes, size, count, context in
        guard let transfer = unsafe Transfer.at(context) else { return Int(CURL_READFUNC_ABORT) }
        return unsafe transfer.give(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
      })
    try check(
      unsafe rl_curl_set_progress(handle) { context, _, _, _, _ in
        unsafe Transfer.at(context)?.isStopped() == true ? 1 : 0
      })
    try set(CURLOPT_NOPROGRESS, 0)
  }

  private func check(_ code: CURLcode) throws(Problem) {
    guard code != CURLE_OK else { return }
    let permanent = [
      CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_PEER_FAILED_VERIFICATION,
      CURLE_SSL_CACERT_BADFILE,
      CURLE_ABORTED_BY_CALLBACK, CURLE_OUT_OF_MEMORY, CURLE_UNKNOWN_OPTION,
    ]
    throw Problem(
      message: unsafe String(cString: curl_easy_strerror(code)), isTemporary: !permanent.contains(code))
  }
}
