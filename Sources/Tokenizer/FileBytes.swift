package import Failures
import FoundationEssentials

extension [UInt8] {
  /// All bytes of a file.
  ///
  /// - Throws: `Failure.missingInput` when there is no such file, `Failure.io` when it cannot be read.
  package init(contentsOfFile path: String) throws(Failure) {
    do {
      self = Array(try Data(contentsOf: URL(filePath: path)))
    } catch let error as CocoaError where error.code == .fileReadNoSuchFile || error.code == .fileNoSuchFile {
      throw Failure(.missingInput, "the file \(path) does not exist")
    } catch {
      throw Failure(.io, "the file \(path) cannot be read: \(error)")
    }
  }
}
