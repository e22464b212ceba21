import Foundation

/// The processes that a process started and that still run.
func children(of process: Int32) -> [Int32] {
  let path = "/proc/\(process)/task"
  let threads = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
  let lists = threads.compactMap { try? String(contentsOfFile: "\(path)/\($0)/children", encoding: .utf8) }
  return lists.flatMap { $0.split(separator: " ").compactMap { Int32($0) } }
}

/// How many processes of a group there are, zombies left out.
func living(of group: Int32) -> Int {
  let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
  return names.filter { name in
    let status = Int32(name) == nil ? nil : try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8)
    // "4711 (the name) S 1 4711 …"
    let fields = status?.split(separator: ")").last?.split(separator: " ") ?? []
    return fields.count > 2 && fields[0] != "Z" && Int32(fields[2]) == group
  }.count
}

func commandLine(of process: Int32) -> String {
  String(decoding: FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data(), as: UTF8.self)
}
