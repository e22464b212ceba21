import DataFormats
import Failures

/// The files that a dataset is made of, each with the split that its rows belong to.
struct SourceFiles {
  struct File {
    let file: DataFile
    /// Nil for rows of which validation rows may be taken.
    let split: DatasetSplit?
    /// Whether names inside the file, if it is an archive, may say more.
    let isNamed: Bool
  }

  let files: [File]
  /// What errors about all of the data say.
  let dataName: String
  let validationName: String?

  /// Names count where there are several files and not all of them are for something else than training.
  init(data: [String], validation: [String]) throws(Failure) {
    let named = data.map { DatasetSplit(path: $0) }
    let namesCount = data.count > 1 && named.contains { $0 == nil || $0 == .train }
    var files: [File] = []
    for (path, name) in zip(data, named) {
      let split = namesCount && name != .train ? name : nil
      files.append(File(file: try DataFile(path), split: split, isNamed: true))
    }
    for path in validation { files.append(File(file: try DataFile(path), split: .validation, isNamed: false)) }
    if !validation.isEmpty, files.dropLast(validation.count).contains(where: { $0.split == .validation }) {
      throw Failure(
        .usage, "the data has files of validation rows, and others are given beside it",
        hint: "leave out --val-data-path, or name the files of training rows alone")
    }
    self.files = files
    dataName = Self.name(data)
    validationName = validation.isEmpty ? nil : Self.name(validation)
  }

  private static func name(_ paths: [String]) -> String {
    (paths.first ?? "the data") + (paths.count > 1 ? " and \(paths.count - 1) more" : "")
  }

  var byteCount: Int { files.reduce(0) { $0 + $1.file.byteCount } }
}

extension SourceFiles.File {
  /// The split that the rows of a member belong to: of an archive, each entry's name counts.
  func split(of member: DataMember) -> DatasetSplit? {
    guard isNamed, member.name != file.path, let name = DatasetSplit(path: member.path) else { return split }
    return name == .train ? nil : name
  }
}
