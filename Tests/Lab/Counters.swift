/// The counters of a guest's pools, as its kernel told them without any tool of ours between.
struct Counters: Equatable {
    /// By the path of the file.
    private let values: [String: UInt64]

    /// - Parameter lines: `PATH=VALUE` each, as `counters` of `Guest/functions` prints them.
    init(_ lines: Substring) {
        values = Dictionary(
            lines.split(separator: "\n").compactMap { line in
                guard let equals = line.lastIndex(of: "="), let value = UInt64(line[line.index(after: equals)...])
                else { return nil }
                return (String(line[..<equals]), value)
            }, uniquingKeysWith: { $1 })
    }

    /// Of one node's pool; nil where the node or the size has none.
    func pool(_ node: Int, _ pageSize: UInt64, _ name: String) -> UInt64? {
        values["/sys/devices/system/node/node\(node)/hugepages/\(folder(pageSize))/\(name)"]
    }

    /// Of the machine.
    func machine(_ pageSize: UInt64, _ name: String) -> UInt64? {
        values["/sys/kernel/mm/hugepages/\(folder(pageSize))/\(name)"]
    }

    /// In bytes, of all pools of the machine.
    var pageSizes: Set<UInt64> {
        Set(
            values.keys.compactMap { path in
                path.firstMatch(of: /^\/sys\/kernel\/mm\/hugepages\/hugepages-(\d+)kB\//).flatMap { UInt64($0.1) }.map {
                    $0 << 10
                }
            })
    }

    /// The paths whose values differ.
    func changes(to other: Self) -> [String] {
        Set(values.keys).union(other.values.keys).filter { values[$0] != other.values[$0] }.sorted().map {
            "\($0) was \(values[$0].map(String.init) ?? "none") and is \(other.values[$0].map(String.init) ?? "none")"
        }
    }

    private func folder(_ pageSize: UInt64) -> String { "hugepages-\(pageSize >> 10)kB" }
}
