/// Where the pages of a process were at one moment. It grows with how scattered they are, not with how many there are.
public struct FrameSample: Hashable, Sendable {
    /// When it began. Unit: seconds since 1970, UTC.
    public var takenAt: Double
    /// When it began. Unit: seconds since the first sample.
    public var secondsIn: Double
    public var durationSeconds = 0.0
    /// `ended` and `replaced`: the page tables are no longer those of the process, and `runs` say nothing.
    public var course = ProcessCourse.complete
    /// Ascending and disjoint, joined where they go on. Zero pages are nobody's and left out.
    public private(set) var runs: [PageRun] = []

    public init(takenAt: Double, secondsIn: Double) { (self.takenAt, self.secondsIn) = (takenAt, secondsIn) }

    /// - Parameter run: behind all others; what is not is left out: a mapping that moved while it was read.
    public mutating func append(_ run: PageRun) {
        guard let last = runs.last else { return runs.append(run) }
        if let joined = last.joined(with: run) {
            runs[runs.count - 1] = joined
        } else if run.start >= last.end {
            runs.append(run)
        }
    }

    /// The huge pages of `before`, and those that were on their way then, of which this says nothing. Unit: base pages.
    public func missing(since before: FrameSample) -> [Range<UInt64>] {
        var missing: [Range<UInt64>] = []
        var index = 0
        for old in before.runs where old.hugePageSize != nil || old.isMoving {
            var page = old.start
            while index < runs.count, runs[index].end <= page { index += 1 }
            var next = index
            while page < old.end {
                let start = next < runs.count ? min(runs[next].start, old.end) : old.end
                if page < start { missing.append(page..<start) }
                page = next < runs.count ? max(page, runs[next].end) : old.end
                next += 1
            }
        }
        return missing
    }

    /// Adds what a second look found where this says nothing.
    public mutating func add(_ second: FrameSample) {
        guard !second.runs.isEmpty else { return }
        let all = (runs + second.runs).sorted { $0.start < $1.start }
        runs = []
        for run in all { append(run) }
    }

    /// Takes pages that were about to move for where they were in the sample before, so that they have moved only once they
    /// have arrived; what was nowhere then is left out.
    public mutating func settle(by before: FrameSample) {
        guard runs.contains(where: \.isMoving) else { return }
        let seen = runs
        runs = []
        var index = 0
        for run in seen {
            guard run.isMoving else {
                append(run)
                continue
            }
            while index < before.runs.count, before.runs[index].end <= run.start { index += 1 }
            var other = index
            while other < before.runs.count, before.runs[other].start < run.end {
                append(before.runs[other].clamped(to: run.start..<run.end))
                other += 1
            }
        }
    }
}
