import TestSupport
import Testing

@testable import Hub

private func basic(_ parameters: [String: String] = [:]) -> RegistryChallenge {
  RegistryChallenge(scheme: "basic", parameters: parameters)
}

private func bearer(_ parameters: [String: String] = [:]) -> RegistryChallenge {
  RegistryChallenge(scheme: "bearer", parameters: parameters)
}

@Test(arguments: [
  (#"Basic realm="here""#, [basic(["realm": "here"])]), ("Basic", [basic()]),
  (
    #"Bearer realm="https://auth.example.org/token",service="registry",scope="repository:a/b:pull,push""#,
    [
      bearer([
        "realm": "https://auth.example.org/token", "service": "registry", "scope": "repository:a/b:pull,push",
      ])
    ]
  ),
  ("bearer  Realm = x , service=y", [bearer(["realm": "x", "service": "y"])]),
  (#"Basic realm="a \"b\" c""#, [basic(["realm": #"a "b" c"#])]),
  (
    #"Basic realm="a", Bearer realm="b",service=c"#,
    [basic(["realm": "a"]), bearer(["realm": "b", "service": "c"])]
  ),
  ("Negotiate, Basic realm=x", [RegistryChallenge(scheme: "negotiate"), basic(["realm": "x"])]),
])
func `all that a registry offers is read`(header: String, offers: [RegistryChallenge]) {
  #expect(RegistryChallenge.all(in: header) == offers)
}

@Test(arguments: [
  ("", []), ("=x", []), ("Bearer realm=\"x", [bearer()]), ("Bearer =x", [bearer()]),
  ("Bearer realm=", [bearer()]),
  (#"Basic realm="\"#, [basic()]),
])
func `what makes no sense is left out`(header: String, offers: [RegistryChallenge]) {
  #expect(RegistryChallenge.all(in: header) == offers)
}

@Test func `no challenge is too strange to be read`() {
  let start = Array(
    #"Bearer realm="https://a/t",service="r",scope="repository:a/b:pull", Basic realm=x"#.utf8)
  var generator = SeededGenerator(state: 5)
  for _ in 0..<5000 {
    let offers = RegistryChallenge.all(in: String(decoding: mutated(start, using: &generator), as: UTF8.self))
    #expect(offers.allSatisfy { !$0.scheme.isEmpty && $0.parameters.keys.allSatisfy { !$0.isEmpty } })
  }
}
