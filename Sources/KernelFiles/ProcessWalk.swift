import Observations
import PageModel
import Synchronization

/// The walk of all mappings of a process: on several threads where that is worth it.
struct ProcessWalk: Sendable {
    let machine: ProcessMachine
    let reading: ProcessReading
    /// Of the page tables that all threads walk.
    let pagemap: WordFile.Source

    /// What was found of all mappings.
    struct Found: Sendable {
        /// By mapping; of those that have parts only.
        var targets: [Int: FrameClassifier.Target] = [:]
        var words = FrameWords()
        var transparent = StrideSample(limit: 256)
        var witnesses: [FrameClassifier.Witness] = []
        var isCutShort = false
        var longestRead = Duration.zero
        /// What ended it before all was walked.
        var error: KernelFileError?
    }

    /// How much of a mapping is walked in one go where threads share it: no huge page lies across. Unit: bytes.
    private static let stretch: UInt64 = 1 << 30
    /// A mapping is cut into no more, however large it is.
    private static let mostStretches: UInt64 = 16

    /// - Parameter isShared: on as many threads as there are CPUs.
    func found(of parts: [WalkPart], isShared: Bool) -> Found {
        let pieces = isShared ? Self.pieces(of: parts) : [parts]
        guard pieces.count > 1 else { return found(of: parts) }
        let outcomes = Mutex<[Int: Found]>([:])
        inParallel(pieces.count) { index in
            let found = found(of: pieces[index])
            outcomes.withLock { $0[index] = found }
        }
        return outcomes.withLock { outcomes in
            pieces.indices.reduce(into: Found()) { all, index in
                if let found = outcomes[index] { all.merge(found) }
            }
        }
    }

    private func found(of parts: [WalkPart]) -> Found {
        var found = Found()
        do throws(KernelFileError) {
            let pagemap = try WordFile(pagemap)
            var walker = try ProcessWalker(machine, reading)
            // Also of a walk that is cut short.
            defer {
                (found.words, found.transparent) = (walker.words, walker.transparent)
                (found.isCutShort, found.longestRead) = (walker.isCutShort, walker.pace.longest)
                found.witnesses = walker.witnesses
            }
            for part in parts { found.targets[part.index] = try walker.walk(part, pagemap) }
        } catch { found.error = error }
        return found
    }

    /// Large mappings cut into stretches, small ones put together; ascending.
    static func pieces(of parts: [WalkPart]) -> [[WalkPart]] {
        var pieces: [[WalkPart]] = []
        var small: [WalkPart] = []
        var smallBytes: UInt64 = 0
        for part in parts {
            let bytes = UInt64(part.addresses.count)
            if bytes > stretch {
                pieces += stretches(of: part).map { [$0] }
                continue
            }
            small.append(part)
            smallBytes += bytes
            if smallBytes > stretch {
                pieces.append(small)
                (small, smallBytes) = ([], 0)
            }
        }
        return small.isEmpty ? pieces : pieces + [small]
    }

    private static func stretches(of part: WalkPart) -> [WalkPart] {
        let (low, high) = (part.addresses.lowerBound, part.addresses.upperBound)
        let step = ((high - low) / mostStretches / stretch + 1) * stretch
        var cuts = [low]
        var next = (low / stretch + 1) * stretch
        while next < high {
            cuts.append(next)
            guard case (let sum, false) = next.addingReportingOverflow(step) else { break }
            next = sum
        }
        return zip(cuts, cuts.dropFirst() + [high]).map { start, end in
            WalkPart(
                index: part.index, mapping: part.mapping, addresses: start..<end, hugetlbSize: part.hugetlbSize,
                isHugetlb: part.isHugetlb)
        }
    }
}

extension ProcessWalk.Found {
    /// Adds what was found of the mappings and stretches that follow.
    mutating func merge(_ next: Self) {
        for (index, target) in next.targets {
            if targets[index]?.merge(target) == nil { targets[index] = target }
        }
        words.merge(next.words)
        transparent.merge(next.transparent)
        witnesses += next.witnesses
        isCutShort = isCutShort || next.isCutShort
        longestRead = max(longestRead, next.longestRead)
        error = error ?? next.error
    }
}
