public import Observations
public import PageModel

/// A NUMA memory policy as numa_maps prints it. Source: kernel `mm/mempolicy.c`, `mpol_to_str`;
/// `Documentation/admin-guide/mm/numa_memory_policy.rst`.
public struct MemoryPolicy: Hashable, Sendable {
    public enum Mode: String, CaseIterable, Sendable {
        case `default`, local, prefer, bind, interleave
        case preferMany = "prefer (many)"
        case weightedInterleave = "weighted interleave"
    }
    /// As printed.
    public let text: ForeignText
    /// Nil where a newer kernel has one that is not known here.
    public let mode: Mode?
    /// The nodes that it names, ascending; empty where it names none.
    public let nodes: [NodeID]

    /// - Parameter text: `MODE[=FLAGS][:NODES]`, such as `bind=balancing|static:0-1,3`. Flags do not matter here: the nodes are
    ///   those that the kernel made of them.
    public init(_ text: ForeignText) {
        let parts = text.bytes.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        let word = parts[0].prefix { $0 != UInt8(ascii: "=") }
        self.text = text
        mode = Mode(rawValue: String(decoding: word, as: UTF8.self))
        nodes = parts.count > 1 ? Self.nodes(in: parts[1]) : []
    }

    /// No kernel is built for more: `CONFIG_NODES_SHIFT` is at most 10.
    private static let mostNodes = 1024

    /// `0-1,3`; empty where it is anything else.
    private static func nodes(in list: ArraySlice<UInt8>) -> [NodeID] {
        var found: Set<Int> = []
        for part in list.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let ends = part.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false).map(number)
            guard ends.count <= 2, let low = ends[0], let high = ends[ends.count - 1], low <= high else { return [] }
            found.formUnion(low...high)
        }
        return found.sorted().map { NodeID($0) }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self)).flatMap { $0 < mostNodes ? $0 : nil }
    }
}

extension MemoryPolicy {
    /// Whether memory that obeys it belongs on the nodes that it names and on no other.
    var placesOnNodes: Bool {
        switch mode {
        case .bind, .interleave, .weightedInterleave, .prefer, .preferMany: !nodes.isEmpty
        case .default, .local, nil: false
        }
    }

    /// Whether the kernel keeps to it: where memory is short, preferences give way.
    var isStrict: Bool { mode != .prefer && mode != .preferMany }
}
