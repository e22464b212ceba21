import Artifacts
import Failures

/// Which Hub is asked, as whom, and where its files are kept: what the environment says, as `huggingface_hub` reads it.
struct HubAccess: Sendable {
  /// `$HF_ENDPOINT`, else https://huggingface.co.
  let endpoint: URLText
  /// The directory of downloads that all tools for the Hub share.
  let cache: String
  /// `$HF_HUB_OFFLINE`: what has been downloaded counts, and nothing is asked.
  let isOffline: Bool
  /// Goes to the endpoint's origin and nowhere else, and into no message.
  let token: String?

  static let home = "https://huggingface.co"

  /// - Throws: `Failure.usage` when a variable makes no sense, `Failure.io` when the file of the token cannot be read.
  init(_ variable: (String) -> String?) throws(Failure) {
    let home = variable("HOME") ?? "."
    func value(_ name: String) -> String? { setting(name, variable) }
    endpoint = try URLText(
      endpoint: value("HF_ENDPOINT") ?? Self.home, named: "the variable HF_ENDPOINT", hint: "leave it out for \(Self.home)")
    let ours = value("HF_HOME") ?? (value("XDG_CACHE_HOME") ?? home + "/.cache") + "/huggingface"
    cache = try Files.absolute(value("HF_HUB_CACHE") ?? value("HUGGINGFACE_HUB_CACHE") ?? ours + "/hub")
    isOffline = Self.isOn(value("HF_HUB_OFFLINE"))
    if Self.isOn(value("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
      token = nil
    } else if let given = value("HF_TOKEN") ?? value("HUGGING_FACE_HUB_TOKEN") {
      token = Self.cleaned(given)
    } else {
      token = try Self.savedToken(value("HF_TOKEN_PATH") ?? ours + "/token")
    }
    guard token?.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) ?? true else {
      throw Failure(
        .usage, "the token for \(endpoint.text) has characters that no token has",
        hint: "set HF_TOKEN to it anew")
    }
  }

  /// What `hf auth login` keeps.
  private static func savedToken(_ path: String) throws(Failure) -> String? {
    guard Files.exists(path) else { return nil }
    return cleaned(String(decoding: try Files.contents(of: path, limit: 1 << 16), as: UTF8.self))
  }

  private static func cleaned(_ text: String) -> String? { text.trimmed.isEmpty ? nil : text.trimmed }

  private static func isOn(_ value: String?) -> Bool {
    ["1", "ON", "YES", "TRUE"].contains(value?.uppercased())
  }
}
