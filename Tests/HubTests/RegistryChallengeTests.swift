import TestSupport
import Testing

@testable import Hub

@Test(arguments: [
  (#"Basic realm="here""#, RegistryChallenge.Scheme.basic, ["realm": "here"]),
  (
    #"Bearer realm="https://auth.example.org/token",service="registry",scope="repository:a/b:pull,push""#, .bearer,
    ["realm": "https://auth.example.org/token", "service": "registry", "scope": "repository:a/b:pull,push"]
  ),
  (#"bearer  Realm=x , service = y"#.replacing(" = ", with: "="), .bearer, ["realm": "x", "service": "y"]),
  (#"Basic realm="a \"b\" c""#, .basic, ["realm": #"a "b" c"#]), ("Basic", .basic, [:]),
])
func `a challenge is read`(header: String, scheme: RegistryChallenge.Scheme, parameters: [String: String]) {
  let challenge = RegistryChallenge(header)
  #expect(challenge?.scheme == scheme)
  #expect(challenge?.parameters == parameters)
}

@Test(arguments: ["", "Digest realm=x", "Bearer realm", "Bearer realm=\"x", "Bearer =x", "Bearer realm=", #"Basic realm="\"#])
func `a challenge that makes no sense is none`(header: String) { #expect(RegistryChallenge(header) == nil) }

@Test func `no challenge is too strange to be read`() {
  let start = Array(#"Bearer realm="https://a/t",service="r",scope="repository:a/b:pull""#.utf8)
  var generator = SeededGenerator(state: 5)
  for _ in 0..<5000 {
    let challenge = RegistryChallenge(String(decoding: mutated(start, using: &generator), as: UTF8.self))
    #expect(challenge?.parameters.keys.allSatisfy { !$0.isEmpty } ?? true)
  }
}
