public import PageModel

/// That somebody asked for so many pages of one pool, or of one size on the whole machine.
public struct PoolRequest: Hashable, Sendable {
    /// In the order in which a starting machine comes to them: what is asked later replaces what was asked before.
    public enum Source: Int, Hashable, Comparable, Sendable {
        case commandLine
        /// Files of sysctl.d and tmpfiles.d.
        case settings
        case units
        public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    public var source: Source
    public var size: PageSize
    /// Nil for the whole machine.
    public var node: NodeID?
    /// Unit: huge pages of `size`. 0 takes an earlier request back.
    public var pages: UInt64
    /// The file that asks, as the machine knows it.
    public var path: ForeignText
    /// What it says: `hugepages=0:8,1:16`.
    public var text: ForeignText
    /// False for a form that this kernel is too old for: counts for single nodes on the command line, in mainline kernels
    /// before 5.16 (commit b5389086ad7b).
    public var isUnderstood = true

    public init(
        _ source: Source, size: PageSize, node: NodeID? = nil, pages: UInt64, path: ForeignText, text: ForeignText
    ) {
        (self.source, self.size, self.node, self.pages) = (source, size, node, pages)
        (self.path, self.text) = (path, text)
    }
}

/// What the kernel's page allocator has free in one piece on one node. Unit: bytes.
public struct FreeBlock: Hashable, Sendable {
    /// The largest; 0 where nothing is free.
    public var largest: UInt64
    /// The size of the largest that are told apart: memory that is free beyond is counted in blocks of it.
    public var limit: UInt64
    public init(largest: UInt64, limit: UInt64) { (self.largest, self.limit) = (largest, limit) }
}
