import JSON

/// One request of HTTP.
struct HTTPRequest: Sendable {
  enum Body: Sendable {
    case none
    case bytes([UInt8])
    /// Some bytes of a file.
    case file(path: String, Range<Int>)
  }

  var method = "GET"
  var url: URLText
  /// Sent as they are; `Authorization` never leads to another place than `url`, for redirects are requests of their own.
  var headers: [(name: String, value: String)] = []
  var body: Body = .none
  var signature: RequestSignature?
  /// Whether the server may have much to do with a file before it answers.
  var isAnsweredLate = false

  var isFile: Bool { if case .file = body { true } else { false } }
}

/// Who signs a request to an object store (AWS Signature Version 4), and for which region.
struct RequestSignature: Sendable {
  let key, secret, region: String
}

/// What a server answered.
struct HTTPResponse: Sendable {
  var status = 0
  /// By names in lower case; of several of a name, the last. What may be chosen from, `www-authenticate`, is all there.
  var headers: [String: String] = [:]
  /// Empty when it was handed on piece by piece.
  var body: [UInt8] = []

  var isSuccess: Bool { (200..<300).contains(status) }
  var isRedirect: Bool { [301, 302, 303, 307, 308].contains(status) }
  /// Whether the same request may succeed later (`huggingface_hub`, `utils/_http.py`; Amazon S3, "Error responses").
  var isTemporary: Bool {
    [408, 429, 500, 502, 503, 504].contains(status)
      || !isSuccess && ["RequestTimeout", "ConditionalRequestConflict", "OperationAborted"].contains(code)
  }

  /// What the server says is wrong, as the end of a sentence.
  var ownWords: String { words.map { ": \($0)" } ?? "" }

  /// `{"error": …}`, `{"errors": [{"message"}]}`, `{"detail"}`, `{"message"}`, an object store's XML or a header.
  var words: String? {
    var text = headers["x-error-message"] ?? element("Message")
    if let json = try? JSONDocument(body, source: "").root {
      let first = json["errors"]?.arrayValue?.first ?? json["error"]?.arrayValue?.first
      let said = json["error"] ?? first?["message"] ?? first ?? json["message"] ?? json["detail"]
      text = said?.stringValue ?? first?["message"]?.stringValue ?? first?.stringValue ?? text
    }
    guard let text, !text.isEmpty else { return nil }
    return String(text.replacing("\n", with: " ").prefix(300))
  }

  /// What an object store calls what is wrong.
  var code: String? { element("Code") }

  /// What an element of an object store's answer holds (Amazon S3, "Error responses").
  func element(_ name: String) -> String? {
    let parts = String(decoding: body.prefix(1 << 16), as: UTF8.self).split(separator: "<\(name)>", maxSplits: 1)
    return parts.count == 2 ? String(parts[1].prefix { $0 != "<" }) : nil
  }
}
