/// A NUMA node as the kernel numbers it: the N of `/sys/devices/system/node/nodeN`. Numbers can have gaps.
public struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: Int
    public init(_ rawValue: Int) { self.rawValue = rawValue }
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    public var description: String { "\(rawValue)" }
}

extension [NodeID] {
    /// `node 0`, `nodes 0-1,3`
    public var named: String { "\(count == 1 ? "node" : "nodes") \(NumberList(self))" }
}
