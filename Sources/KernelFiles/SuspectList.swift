import Observations
import PageModel

/// The suspects of a search: no more than can be read, however many one process has.
struct SuspectList {
    private(set) var all: [PinSuspect] = []
    /// Those that there was no room for.
    private(set) var leftOut: UInt64 = 0
    private var counts: [PID: Int] = [:]
    private var hints: Set<PinSuspect> = []

    static let most = 4096
    static let mostOfProcess = 512
    static let mostHints = 256

    /// Adds one that says how much it may keep.
    mutating func add(_ suspect: PinSuspect) {
        guard all.count < Self.most, counts[suspect.process, default: 0] < Self.mostOfProcess else {
            leftOut += 1
            return
        }
        counts[suspect.process, default: 0] += 1
        all.append(suspect)
    }

    /// Adds one of those that are many and tell little, pipes and devices; each once, and no more than some of them.
    mutating func add(hint: PinSuspect) {
        if hints.count < Self.mostHints, hints.insert(hint).inserted { add(hint) }
    }
}

/// The io_urings of one process.
struct ProcessRings {
    let process: PID
    /// What is mapped anywhere in it; nil until that was asked for.
    var mapped: RangeUnion?
    private var seen: Set<Ring> = []
    private(set) var read = 0

    /// Descriptors of rings that are read: each may list thousands of buffers.
    static let most = 64

    private struct Ring: Hashable {
        let files: UInt64
        let buffers: [Range<UInt64>]
    }

    init(of process: PID) { self.process = process }

    /// Returns false for one that was seen already: by another descriptor of it, say.
    mutating func insert(_ info: DescriptorInfo) -> Bool {
        read += 1
        return seen.insert(Ring(files: info.userFiles, buffers: info.buffers)).inserted
    }
}
