public import Observations
public import PageModel

/// The folder of each node in sysfs: which nodes there are, their meminfo, vmstat, CPUs and distances.
/// Source: kernel `Documentation/ABI/stable/sysfs-devices-node`.
extension KernelRoot {
    static let nodes = "sys/devices/system/node"

    /// The nodes of the machine, ascending; numbers can have gaps. Empty on a kernel without NUMA.
    public func nodeIDs() throws(KernelFileError) -> [NodeID] {
        guard exists(Self.nodes) else { return [] }
        return try names(in: Self.nodes).compactMap { Int($0, after: "node").map { NodeID($0) } }.sorted()
    }

    public func meminfo(of node: NodeID) throws(KernelFileError) -> Meminfo {
        try parsed("\(Self.nodes)/node\(node)/meminfo", by: Meminfo.init(parsing:))
    }

    /// All counters of the node, by name. Unit: as the name says, mostly base pages.
    public func vmstat(of node: NodeID) throws(KernelFileError) -> [String: UInt64] {
        try parsed("\(Self.nodes)/node\(node)/vmstat", by: vmstatCounters)
    }

    /// What the node's own files say of it: for a saved tree, where libnuma would tell of another machine.
    public func node(_ id: NodeID) throws(KernelFileError) -> NodeObservation {
        let memory = try meminfo(of: id).fields
        return NodeObservation(
            id: id, memoryBytes: memory["MemTotal"] ?? 0, freeBytes: memory["MemFree"] ?? 0,
            cpus: try parsed("\(Self.nodes)/node\(id)/cpulist", by: cpuList),
            distances: try parsed("\(Self.nodes)/node\(id)/distance", by: nodeDistances))
    }

    /// The whole machine, for a kernel without NUMA: zoneinfo calls it node 0.
    public func onlyNode() throws(KernelFileError) -> NodeObservation {
        let memory = try meminfo().fields
        return NodeObservation(
            id: NodeID(0), memoryBytes: memory["MemTotal"] ?? 0, freeBytes: memory["MemFree"] ?? 0,
            cpus: try parsed("sys/devices/system/cpu/online", by: cpuList), distances: [10])
    }
}

/// `/sys/devices/system/node/nodeN/vmstat`: a name and a count on each line.
func vmstatCounters(parsing content: [UInt8]) throws(FormatError) -> [String: UInt64] {
    var counters: [String: UInt64] = [:]
    try content.eachLine { line throws(FormatError) in
        guard let (name, value) = line.bytes.halves(at: .blank) else {
            throw line.error(expected: "a name and a count")
        }
        counters[String(decoding: name, as: UTF8.self)] = try line.number(in: value, "a count after the name")
    }
    return counters
}

/// A list of CPUs as the kernel prints it, ascending: `0-3,8`. Empty for a node that has memory only.
func cpuList(parsing content: [UInt8]) throws(FormatError) -> [Int] {
    try TextLine(content[...].trimmed, number: 1).numbers(in: content[...], "a list of CPUs such as 0-3,8")
}

extension TextLine {
    /// The numbers of a list in `field`, as the kernel prints a bitmap, ascending: `0-3,8`. Empty where no bit is set.
    func numbers(in field: ArraySlice<UInt8>, _ expected: String) throws(FormatError) -> [Int] {
        /// More CPUs or nodes than any kernel can be built for (`NR_CPUS` is 8192 at most).
        let most = 1 << 16
        var numbers: [Int] = []
        for part in field.trimmed.split(separator: UInt8(ascii: ",")) {
            let (low, high) = part.halves(at: UInt8(ascii: "-")) ?? (part, part)
            guard let first = Int(digits: low), let last = Int(digits: high), first <= last, last < most,
                first > numbers.last ?? -1
            else { throw error(expected: expected) }
            numbers += first...last
        }
        return numbers
    }
}

/// The distances to each node of the machine: `10 20 20`.
func nodeDistances(parsing content: [UInt8]) throws(FormatError) -> [Int] {
    let line = TextLine(content[...].trimmed, number: 1)
    var distances: [Int] = []
    for word in line.words {
        guard let distance = Int(digits: word) else { throw line.error(expected: "distances such as 10 20") }
        distances.append(distance)
    }
    return distances
}
