import Artifacts
package import Failures
import Glibc

/// Which files are meant by what a user writes: a file, a directory or a pattern.
package enum DataPaths {
  /// The files of several words, in the order of the words; those of a directory or a pattern sorted by bytes.
  ///
  /// - Throws: `Failure.missingInput` when a word stands for no file.
  package static func files(_ words: [String]) throws(Failure) -> [String] {
    var files: [String] = []
    for word in words {
      switch try FileStatus(word, followingLinks: true) {
      case .directory: files += try self.files(below: word)
      case .missing where word.contains(where: "*?[".contains): files += try matches(of: word)
      // What is wrong with anything else is said where it is opened.
      case .file, .missing, .symbolicLink, .special: files.append(word)
      }
    }
    return files
  }

  private static func files(below directory: String) throws(Failure) -> [String] {
    let files = try Files.tree(directory, followingLinks: true).filter(isData)
    guard !files.isEmpty else {
      throw Failure(
        .missingInput, "the directory '\(directory)' holds no file with data", hint: whatCounts)
    }
    return files.map { directory.hasSuffix("/") ? directory + $0 : directory + "/" + $0 }
  }

  private static func matches(of pattern: String) throws(Failure) -> [String] {
    guard !pattern.contains("**") else {
      throw Failure(
        .usage, "'**' in '\(pattern)' is not supported", hint: "name the directory: its directories are read too")
    }
    var result = unsafe glob_t()
    defer { unsafe globfree(&result) }
    guard unsafe glob(pattern, 0, nil, &result) == 0 else {
      throw Failure(.missingInput, "no file fits '\(pattern)'", hint: "check the pattern, and from where it is looked for")
    }
    let paths = unsafe (0..<Int(result.gl_pathc)).compactMap { unsafe result.gl_pathv[$0] }
    return unsafe paths.map { unsafe String(cString: $0) }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Whether a file of a directory or an archive is taken for data: not one that is hidden or about the data.
  static func isData(_ path: String) -> Bool {
    let names = path.split(separator: "/").filter { $0 != "." }
    guard let last = names.last?.lowercased() else { return false }
    return !names.contains { $0.hasPrefix(".") || $0 == "__MACOSX" }
      && !["readme", "license", "licence", "dataset_infos.json"].contains(where: last.hasPrefix)
      && !last.hasSuffix(".md")
  }

  /// What `isData` says, as a hint.
  static let whatCounts = "hidden files, and those that only say something about the data, do not count"

  /// A path without the endings that name a compression.
  static func uncompressed(_ path: String) -> String {
    var path = path[...]
    while let ending = [".gz", ".zst", ".xz", ".bz2"].first(where: path.lowercased().hasSuffix) {
      path.removeLast(ending.count)
    }
    return String(path)
  }
}
