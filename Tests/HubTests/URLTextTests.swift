import Failures
import Testing

@testable import Hub

@Test(arguments: [
  ("https://huggingface.co", "https://huggingface.co"), ("https://HOST:8443/a?b#c", "https://host:8443"),
  ("http://localhost:8080/x", "http://localhost:8080"), ("http://[::1]:5000", "http://[::1]:5000"),
  ("http://127.0.0.1", "http://127.0.0.1"), ("https://h:443/a", "https://h"), ("http://localhost:80", "http://localhost"),
  ("https://h:4443", "https://h:4443"), ("https://h:80", "https://h:80"),
])
func `a URL knows the origin that tokens are for`(text: String, origin: String) throws {
  #expect(try URLText(text, from: "it").origin == origin)
}

@Test(arguments: [
  ("ftp://host/", "it does not begin with https://"),
  ("http://example.org/", "it is not encrypted: use https://"),
  ("http://127.0.0.1.example.org/", "it is not encrypted: use https://"),
  ("https://", "it does not name a host alone"),
  ("https://user:secret@host/", "it does not name a host alone"),
  ("https://a\\b/", "it does not name a host alone"),
  ("https://host/\r\nX: y", "it has characters that no URL has"),
  ("https://höst/", "it has characters that no URL has"),
])
func `a URL that leads astray is refused, without what may be secret in it`(text: String, reason: String) {
  let failure = #expect(throws: Failure.self) { try URLText(text, from: "it") }
  #expect(failure == Failure(.badData, "it is no URL to use: \(reason)"))
}

@Test func `a redirect leads on, but never away from encryption`() throws {
  let place = try URLText("https://host/a/b?token=1", from: "it")
  #expect(place.publicText == "https://host/a/b")
  #expect(try place.following("/c").text == "https://host/c")
  #expect(try place.following("//cdn/c").text == "https://cdn/c")
  #expect(try place.following("https://cdn/c?s=1").origin == "https://cdn")
  let failure = #expect(throws: Failure.self) { try place.following("http://localhost/c") }
  #expect(failure == Failure(.badData, "https://host/a/b leads away from https"))
  #expect(throws: Failure.self) { try place.following("file:///etc/passwd") }
  #expect(throws: Failure.self) { try place.following("c") }
}

@Test func `parts of a path are escaped`() {
  #expect(URLText.escaped("refs/pr/1") == "refs%2Fpr%2F1")
  #expect(URLText.escaped("a b/é?#", keeping: "/") == "a%20b/%C3%A9%3F%23")
}
