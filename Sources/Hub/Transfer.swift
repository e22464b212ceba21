import Artifacts
import Glibc

/// What one request of `HTTPClient` sends and receives, as libcurl asks for it and brings it.
final class Transfer {
  enum Content {
    case bytes(ArraySlice<UInt8>)
    case file(FileSlice)
  }

  var content = Content.bytes([])
  private(set) var response = HTTPResponse()
  /// What made it stop on this side.
  private(set) var problem: HTTPClient.Problem?
  /// Whether the receiver wanted no more.
  private(set) var isEnough = false
  let isStopped: () -> Bool
  private let sent: (Int) -> Void
  private let receive: ((HTTPResponse, [UInt8]) -> Bool)?
  private let limit: Int

  init(
    sent: @escaping (Int) -> Void, receive: ((HTTPResponse, [UInt8]) -> Bool)?, limit: Int,
    isStopped: @escaping () -> Bool
  ) {
    (self.sent, self.receive, self.limit, self.isStopped) = (sent, receive, limit, isStopped)
  }

  /// The transfer that a callback was given.
  static func at(_ context: UnsafeMutableRawPointer?) -> Transfer? {
    unsafe context.map { unsafe Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
  }

  /// - Returns: how much was taken; less than there is ends the transfer.
  func take(_ bytes: UnsafeRawBufferPointer) -> Int {
    if response.isSuccess, let receive {
      guard unsafe receive(response, Array(bytes)) else {
        isEnough = true
        return 0
      }
      return bytes.count
    }
    guard response.body.count + bytes.count <= limit else {
      problem = HTTPClient.Problem(message: "the answer has more than \(limit) bytes", isTemporary: false)
      return 0
    }
    unsafe response.body.append(contentsOf: bytes)
    return bytes.count
  }

  /// Takes a line: of an answer's headers, or the first one of the next answer.
  func takeHeader(_ bytes: UnsafeRawBufferPointer) {
    let line = unsafe String(decoding: bytes, as: UTF8.self)
    if line.hasPrefix("HTTP/") {
      let fields = line.split(separator: " ")
      response = HTTPResponse(status: fields.count > 1 ? Int(fields[1].prefix { $0.isNumber }) ?? 0 : 0)
    } else if let colon = line.firstIndex(of: ":") {
      let value = line[line.index(after: colon)...].drop { $0.isWhitespace }
      let name = line[..<colon].lowercased()
      let others = name == "www-authenticate" ? response.headers[name].map { $0 + ", " } ?? "" : ""
      response.headers[name] = others + value.prefix { !$0.isNewline }
    }
  }

  /// - Returns: how much was given, 0 at the end.
  func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
    let count: Int
    switch content {
    case .bytes(let bytes):
      let part = bytes.prefix(room.count)
      unsafe room.copyBytes(from: part)
      content = .bytes(bytes.dropFirst(part.count))
      count = part.count
    case .file(let slice):
      count = unsafe slice.read(into: room)
      guard count >= 0 else {
        problem = HTTPClient.Problem(message: "cannot read \(slice.path)", isTemporary: false)
        return 0x1000_0000  // CURL_READFUNC_ABORT
      }
    }
    sent(count)
    return count
  }
}

/// Some bytes of an open file, read from the first on.
final class FileSlice {
  private let file: OpenFile
  private var rest: Range<Int>

  var path: String { file.path }

  init(_ file: consuming OpenFile, _ range: Range<Int>) {
    self.file = file
    rest = range
  }

  /// - Returns: how many bytes there were, 0 at the end; fewer than none when they cannot be read, or are no longer there.
  func read(into room: UnsafeMutableRawBufferPointer) -> Int {
    let wanted = min(room.count, rest.count)
    guard wanted > 0 else { return 0 }
    let count = unsafe pread(file.descriptor, room.baseAddress, wanted, rest.lowerBound)
    guard count > 0 else { return -1 }
    rest = rest.lowerBound + count..<rest.upperBound
    return count
  }
}
