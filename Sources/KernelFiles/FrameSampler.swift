public import Observations
public import PageModel

/// Looks again and again where the pages of one process are.
/// Source: kernel `Documentation/admin-guide/mm/pagemap.rst`.
public struct FrameSampler: ~Copyable {
    private let machine: ProcessMachine
    public let process: TrackedProcess
    /// Of the process, and of no other that gets its number later.
    private let startTime: UInt64
    /// Opened once: it leads to the same address space as long as there is one.
    private let pagemap: WordFile
    private var reader: FrameReader
    private let begun = ContinuousClock.now
    private var buffer: [UInt8] = []
    /// The sample before.
    private var before: FrameSample?

    /// Why a process cannot be followed.
    public enum Refusal: Error {
        /// There is none of this number.
        case notThere
        /// A kernel thread, or a process that has ended and was not yet fetched.
        case withoutMemory
        case unreadable(KernelFileError)
    }

    /// - Parameter isGentle: rests between reads of page tables.
    public init(_ machine: ProcessMachine, _ process: PID, isGentle: Bool) throws(Refusal) {
        let root = machine.root
        let found = try Refusal.unless(process, root) { () throws(KernelFileError) in
            var buffer: [UInt8] = []
            return (owner: try root.memoryOwner(process, buffer: &buffer), startTime: try root.startTime(of: process))
        }
        guard let owner = found.owner else { throw .withoutMemory }
        let pagemap = try Refusal.unless(process, root) { () throws(KernelFileError) in
            try root.pagemap(of: owner.folder)
        }
        let reader = try Refusal.unless(process, root) { () throws(KernelFileError) in
            try FrameReader(machine, pace: ReadPace(isGentle: isGentle))
        }
        self.pagemap = pagemap
        self.reader = reader
        (self.machine, startTime) = (machine, found.startTime)
        self.process = TrackedProcess(host: machine.host, pid: process, name: root.name(of: process))
    }

    /// On which node each frame is.
    public var map: NodeMap { machine.map }

    /// Where the pages are now. Throws where the kernel hides frames, or refuses what it gave before.
    public mutating func sample() throws(KernelFileError) -> FrameSample {
        let start = ContinuousClock.now
        var sample = FrameSample(
            takenAt: machine.topology.started + machine.topology.secondsIn,
            secondsIn: begun.duration(to: start).inSeconds)
        do { try read(into: &sample) } catch {
            // Page tables that no process has any more cannot be scanned: it ended, or became another program.
            guard machine.root.hasEnded(process.pid, error) else { throw error }
            sample.course = goesOn ? .replaced : .ended
        }
        sample.durationSeconds = start.duration(to: .now).inSeconds
        return sample
    }

    private mutating func read(into sample: inout FrameSample) throws(KernelFileError) {
        let (root, pid) = (machine.root, process.pid)
        guard let owner = try root.memoryOwner(pid, buffer: &buffer) else {
            sample.course = .ended
            return
        }
        var mappings: [Range<UInt64>] = []
        try root.mappings(of: owner.folder) { if $0.hasPageTables { mappings.append($0.addresses) } }
        for addresses in mappings { try reader.read(addresses, of: pagemap, into: &sample) }
        try lookAgain(&sample)
        before = sample
        // The file ends at once where its address space is gone, whatever it said before.
        let first = (mappings.first?.lowerBound ?? 0) / machine.base.bytes
        if try pagemap.word(at: first) == nil { sample.course = goesOn ? .replaced : .ended }
    }

    /// A page of hugetlb that is just being moved is nothing for a moment, and the kernel scans it without a lock: what was there
    /// before is looked for twice. Source: kernel `fs/proc/task_mmu.c`, `pagemap_scan_hugetlb_entry`.
    private mutating func lookAgain(_ sample: inout FrameSample) throws(KernelFileError) {
        guard let before else { return }
        var second = FrameSample(takenAt: sample.takenAt, secondsIn: sample.secondsIn)
        for pages in sample.missing(since: before) {
            let base = machine.base.bytes
            try reader.read(pages.lowerBound * base..<pages.upperBound * base, of: pagemap, into: &second)
        }
        sample.add(second)
    }

    /// Whether the process is still there, be it as another program.
    private var goesOn: Bool { machine.root.hasMemory(process.pid, since: startTime) }
}

extension FrameSampler.Refusal {
    /// What `read` gives of a process, or why it cannot.
    fileprivate static func unless<Value: ~Copyable>(
        _ process: PID, _ root: KernelRoot, _ read: () throws(KernelFileError) -> Value
    ) throws(Self) -> Value {
        do { return try read() } catch { throw root.hasEnded(process, error) ? .notThere : .unreadable(error) }
    }
}
