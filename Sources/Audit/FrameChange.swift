public import Observations
public import PageModel

/// What became of the pages of a process from one sample to the next. A page is what is at one address: one that was freed
/// and touched again in between counts as moved, and so does one that was copied on write or merged by KSM.
public struct FrameChange: Hashable, Sendable {
    /// Neighbouring pages that went one way.
    public struct Stretch: Hashable, Sendable {
        /// Unit: base pages of the process's address space.
        public var pages: Range<UInt64>
        public let flow: PageFlow
        public init(_ pages: Range<UInt64>, _ flow: PageFlow) { (self.pages, self.flow) = (pages, flow) }
    }

    /// A huge page of which pages went several ways is counted once for each kind, with the first of them.
    public internal(set) var flows: [PageFlow: PageCount] = [:]
    /// The first `mostStretches`, ascending.
    public internal(set) var stretches: [Stretch] = []
    /// Of all stretches.
    public internal(set) var stretchCount: UInt64 = 0
    public static let mostStretches = 256

    /// - Parameters:
    ///   - base: the kernel's base page size.
    ///   - map: on which node each frame is.
    public init(from before: FrameSample, to after: FrameSample, base: PageSize, map: NodeMap) {
        var comparison = FrameComparison(base: base, map: map)
        comparison.run(before.runs, after.runs)
        self = comparison.finished
    }

    init() {}
}

/// Goes through two samples side by side.
private struct FrameComparison {
    private var change = FrameChange()
    private var last: FrameChange.Stretch?
    /// Where the huge page begins that was counted last.
    private var lastHugePage: [PageFlow.Kind: UInt64] = [:]
    private var nodes: (before: NodeStretches, after: NodeStretches)
    private let base: PageSize

    init(base: PageSize, map: NodeMap) {
        self.base = base
        nodes = (NodeStretches(map), NodeStretches(map))
    }

    var finished: FrameChange {
        var change = change
        if let last { change.add(last) }
        return change
    }

    mutating func run(_ before: [PageRun], _ after: [PageRun]) {
        var (old, new) = (0, 0)
        var page: UInt64 = 0
        while old < before.count || new < after.count {
            let was = old < before.count ? before[old] : nil
            let isNow = new < after.count ? after[new] : nil
            page = max(page, min(was?.start ?? .max, isNow?.start ?? .max))
            let (hasOld, hasNew) = (was.map { $0.start <= page } ?? false, isNow.map { $0.start <= page } ?? false)
            let end = min(
                was.map { hasOld ? $0.end : $0.start } ?? .max, isNow.map { hasNew ? $0.end : $0.start } ?? .max)
            compare(page..<max(page, end), hasOld ? was : nil, hasNew ? isNow : nil)
            page = end
            if was.map({ $0.end <= page }) ?? false { old += 1 }
            if isNow.map({ $0.end <= page }) ?? false { new += 1 }
        }
    }

    /// - Parameters:
    ///   - was: what all of `pages` was part of.
    ///   - now: what all of them is part of.
    private mutating func compare(_ pages: Range<UInt64>, _ was: PageRun?, _ now: PageRun?) {
        switch (was?.frame, now?.frame) {
        case (nil, nil): break
        case (nil, _): note(was?.isSwapped ?? false ? .swappedIn : .came, pages, nil, now)
        case (_, nil): note(now?.isSwapped ?? false ? .swappedOut : .went, pages, was, nil)
        case (_, _):
            guard let was, let now else { return }
            switch (was.hugePageSize, now.hugePageSize) {
            case (nil, _?): note(.collapsed, pages, was, now)
            case (_?, nil): note(.split, pages, was, now)
            case (_, _): compareFrames(pages, was, now)
            }
        }
    }

    private mutating func compareFrames(_ pages: Range<UInt64>, _ was: PageRun, _ now: PageRun) {
        let (old, new) = (was.frame(of: pages.lowerBound).rawValue, now.frame(of: pages.lowerBound).rawValue)
        guard was.step != now.step else {
            if old != new { note(.moved, pages, was, now) }
            return
        }
        // Two lines that cross: in one page at most they are the same.
        let slope = Int64(was.step.rawValue) - Int64(now.step.rawValue)
        let (steps, rest) = Int64(bitPattern: new &- old).quotientAndRemainder(dividingBy: slope)
        guard rest == 0, steps >= 0, UInt64(steps) < UInt64(pages.count) else {
            return note(.moved, pages, was, now)
        }
        let crossing = pages.lowerBound + UInt64(steps)
        note(.moved, pages.lowerBound..<crossing, was, now)
        note(.moved, crossing + 1..<pages.upperBound, was, now)
    }

    /// Counts pages, node by node.
    private mutating func note(_ kind: PageFlow.Kind, _ pages: Range<UInt64>, _ was: PageRun?, _ now: PageRun?) {
        var start = pages.lowerBound
        while start < pages.upperBound {
            let from = was.map { nodes.before.next($0, from: start) }
            let to = now.map { nodes.after.next($0, from: start) }
            let here = start..<min(pages.upperBound, from?.end ?? .max, to?.end ?? .max)
            let flow = PageFlow(kind, from: from?.node, to: to?.node)
            let whole = kind == .split || now == nil ? was : now
            let hugePages = whole.map { countHugePages(of: $0, in: here, kind) } ?? 0
            change.flows[flow, default: PageCount()] += PageCount(pages: UInt64(here.count), hugePages: hugePages)
            if let last, last.flow == flow, last.pages.upperBound == here.lowerBound {
                self.last?.pages = last.pages.lowerBound..<here.upperBound
            } else {
                if let last { change.add(last) }
                last = FrameChange.Stretch(here, flow)
            }
            start = here.upperBound
        }
    }

    private mutating func countHugePages(
        of run: PageRun, in pages: Range<UInt64>, _ kind: PageFlow.Kind
    ) -> UInt64 {
        guard let size = run.hugePageSize?.count(of: base), size > 0 else { return 0 }
        let (first, last) = ((pages.lowerBound - run.start) / size, (pages.upperBound - 1 - run.start) / size)
        let isCounted = lastHugePage[kind] == run.start + first * size
        lastHugePage[kind] = run.start + last * size
        return last - first + (isCounted ? 0 : 1)
    }
}

extension FrameChange {
    fileprivate mutating func add(_ stretch: Stretch) {
        stretchCount += 1
        if stretches.count < Self.mostStretches { stretches.append(stretch) }
    }
}
