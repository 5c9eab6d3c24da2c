public import PageModel

/// Pages of a process. Unit: base pages.
public struct PageCount: Hashable, Sendable {
    /// All of them, those that huge pages are made of as well.
    public var pages: UInt64
    /// Huge pages that some or all of `pages` are parts of, of whatever size.
    public var hugePages: UInt64
    public init(pages: UInt64 = 0, hugePages: UInt64 = 0) { (self.pages, self.hugePages) = (pages, hugePages) }

    public static func += (sum: inout Self, more: Self) {
        sum.pages &+= more.pages
        sum.hugePages &+= more.hugePages
    }
}

/// What became of pages, and the nodes that they left and that they are on.
public struct PageFlow: Hashable, Comparable, Sendable {
    /// What became of a page, by its address: the first that fits, from the top.
    public enum Kind: String, CaseIterable, Sendable {
        /// It was a base page and is part of a huge page, in whatever frame.
        case collapsed
        /// It was part of a huge page and is a base page, in whatever frame.
        case split
        /// It was in another frame, of this node or another.
        case moved
        /// It was in swap.
        case swappedIn
        /// There was nothing.
        case came
        /// It is in swap.
        case swappedOut
        /// There is nothing.
        case went
    }
    public let kind: Kind
    /// Nil for what came, and where it cannot be told.
    public let from: NodeID?
    /// Nil for what went, and where it cannot be told.
    public let to: NodeID?
    public init(_ kind: Kind, from: NodeID?, to: NodeID?) { (self.kind, self.from, self.to) = (kind, from, to) }

    public static func < (left: Self, right: Self) -> Bool {
        let (first, second) = (left.order, right.order)
        return (first.0, first.1, first.2) < (second.0, second.1, second.2)
    }
    private var order: (Int, Int, Int) {
        (Kind.allCases.firstIndex(of: kind) ?? 0, from?.rawValue ?? .max, to?.rawValue ?? .max)
    }
}

extension [PageFlow: PageCount] {
    /// All of one kind.
    public func sum(_ kind: PageFlow.Kind) -> PageCount {
        reduce(into: PageCount()) { sum, flow in if flow.key.kind == kind { sum += flow.value } }
    }
}
