import Audit
import Observations
import PageModel

/// One process in the documents on processes, without its mappings: the keys of all its parts in one object.
struct ProcessDocument: Encodable {
    private let report: ProcessReport

    init(_ report: ProcessReport) { self.report = report }

    func encode(to encoder: any Encoder) throws {
        try Identity(report).encode(to: encoder)
        try Memory(report).encode(to: encoder)
        try Surroundings(report).encode(to: encoder)
    }

    private struct Identity: Encodable {
        let taken: Taken
        let unread: [AuditDocument.Unread]
        let verdict: AuditDocument.Verdict
        let pid: Int32
        let name: String
        let command: String
        let user: String
        let cgroup: String
        let unit: OrNull<String>
        let container: OrNull<AuditDocument.Container>
        let pod: OrNull<String>
        let course: String
        let withoutMemoryAs: OrNull<String>
        let findings: [AuditDocument.Finding]

        init(_ report: ProcessReport) {
            let process = report.observation
            (taken, unread) = (Taken(report), report.unread.map(AuditDocument.Unread.init))
            verdict = AuditDocument.Verdict(report.verdict)
            (pid, name, command) = (process.pid.rawValue, process.name.repaired, process.command.repaired)
            (user, cgroup) = (process.user.repaired, process.cgroup.repaired)
            let owner = CgroupOwner(of: process.cgroup)
            (unit, pod) = (OrNull(owner.unit?.repaired), OrNull(owner.pod))
            container = OrNull(owner.container.map(AuditDocument.Container.init))
            course = process.course.rawValue
            withoutMemoryAs = OrNull(process.withoutMemoryAs?.rawValue)
            findings = report.findings.map(AuditDocument.Finding.init)
        }
    }

    private struct Taken: Encodable {
        let at: OrNull<String>
        let durationSeconds: Double
        let view: String
        let classified: Bool
        let comparedWithLibnuma: UInt64
        let longestReadSeconds: Double

        init(_ report: ProcessReport) {
            let process = report.observation
            let microseconds = AuditDocument.Taken.microseconds
            at = OrNull(timestamp(process.takenAt))
            durationSeconds = microseconds(process.durationSeconds)
            view = report.unread.isEmpty ? "full" : "partial"
            (classified, comparedWithLibnuma) = (process.isClassified, process.pagesCompared)
            longestReadSeconds = microseconds(process.longestReadSeconds)
        }
    }

    /// Figures are null where the page tables were refused, most of them where the pages were not classified, and in a report
    /// on some nodes all that is not counted by node.
    private struct Memory: Encodable {
        let placements: [PlacementDocument]
        let residentBytes: OrNull<UInt64>
        let uniqueBytes: OrNull<UInt64>
        let sharedBytes: OrNull<UInt64>
        let proportionalBytes: OrNull<UInt64>
        let hugetlbUniqueBytes: OrNull<UInt64>
        let hugetlbSharedBytes: OrNull<UInt64>
        let pmdMappedBytes: OrNull<UInt64>
        let swappedBytes: OrNull<UInt64>
        let zeroBytes: OrNull<UInt64>
        let movingBytes: OrNull<UInt64>
        let reservedBytes: OrNull<UInt64>
        let hiddenBytes: OrNull<UInt64>
        /// By status; null where it was not read, or where the kernel's count fell below zero.
        let hugetlbBytes: OrNull<UInt64>
        let rssBytes: OrNull<UInt64>
        let frames: OrNull<Frames>

        init(_ report: ProcessReport) {
            let (process, pages) = (report.observation, report.pages)
            let isSeen = process.course != .refused
            let isWhole = report.limitedTo == nil
            let isCounted = isSeen && process.isClassified && isWhole
            let known = { (figure: UInt64?) in OrNull(isCounted ? figure : nil) }
            placements = report.placements.map { PlacementDocument($0) }
            residentBytes = OrNull(isSeen ? pages.resident : nil)
            (uniqueBytes, sharedBytes) = (known(pages.unique), known(pages.shared))
            proportionalBytes = known(pages.proportional >> 12)
            hugetlbUniqueBytes = known(report.hugetlbSharing?.unique)
            hugetlbSharedBytes = known(report.hugetlbSharing?.shared)
            (pmdMappedBytes, swappedBytes) = (known(pages.mappedByPMD), known(pages.swapped))
            (zeroBytes, movingBytes) = (known(pages.zero), known(pages.moving))
            (reservedBytes, hiddenBytes) = (known(pages.reserved), known(pages.hidden))
            hugetlbBytes = OrNull(!isWhole ? nil : process.hugetlbBytes.flatMap { UInt64(exactly: $0) })
            rssBytes = OrNull(!isWhole ? nil : process.residentBytes.flatMap { UInt64(exactly: $0) })
            frames = OrNull(isCounted ? Frames(process.frames) : nil)
        }
    }

    /// Words of kpageflags behind the present pages.
    private struct Frames: Encodable {
        let heads: UInt64
        let tails: UInt64
        let huge: UInt64
        let thp: UInt64
        let headTailMismatch: UInt64
        let wordsRead: UInt64
        /// Null where not each word was read.
        let rows: OrNull<[FlagRow]>

        init(_ words: FrameWords) {
            (heads, tails, huge, thp) = (words.heads, words.tails, words.huge, words.thp)
            (headTailMismatch, wordsRead) = (words.contradictionCount, words.read)
            rows = OrNull(
                words.rows.map { rows in
                    rows.map { FlagRow(flags: $0.flags.hexadecimal, names: $0.flags.names, pages: $0.pages) }
                })
        }
    }

    private struct FlagRow: Encodable {
        let flags: String
        let names: [String]
        let pages: UInt64
    }

    /// Where it may run and take memory, and by which rules.
    private struct Surroundings: Encodable {
        /// In the kernel's list format; empty where it was not read.
        let cpusAllowed: String
        let cpusLastUsed: [LastUse]
        let nodesOfAllowedCPUs: [Int]
        let nodesOfUsedCPUs: [Int]
        let nodesAllowed: [Int]
        let devices: [Device]
        let transparent: TransparentDocument
        let content: OrNull<Content>

        init(_ report: ProcessReport) {
            let range = report.observation.range
            cpusAllowed = NumberList(range.cpusAllowed).description
            cpusLastUsed = range.cpusLastUsed.sorted { $0.key < $1.key }.map { LastUse(cpu: $0.key, threads: $0.value) }
            nodesOfAllowedCPUs = report.nodesOfAllowedCPUs.map(\.rawValue)
            nodesOfUsedCPUs = report.nodesOfUsedCPUs.map(\.rawValue)
            nodesAllowed = range.nodesAllowed.map(\.rawValue)
            devices = range.devices.map(Device.init)
            transparent = TransparentDocument(report.observation)
            content = OrNull(report.limitedTo == nil ? report.observation.content.map(Content.init) : nil)
        }
    }

    private struct LastUse: Encodable {
        let cpu: Int
        let threads: UInt64
    }

    private struct Device: Encodable {
        let name: String
        let path: String
        let node: OrNull<Int>
        init(_ device: OpenDevice) {
            (name, path) = (device.name.repaired, device.path.repaired)
            node = OrNull(device.node?.rawValue)
        }
    }

    private struct TransparentDocument: Encodable {
        let enabled: OrNull<String>
        let shmemEnabled: OrNull<String>
        let pmdSize: OrNull<UInt64>
        let sizes: [Size]
        /// Null where the kernel does not tell.
        let enabledForProcess: OrNull<Bool>

        struct Size: Encodable {
            let pageSize: UInt64
            let enabled: String
        }

        init(_ process: ProcessObservation) {
            let settings = process.transparent
            (enabled, shmemEnabled) = (OrNull(settings.enabled), OrNull(settings.shmemEnabled))
            pmdSize = OrNull(settings.pmdSize?.bytes)
            sizes = settings.sizes.sorted { $0.key < $1.key }.map { Size(pageSize: $0.key.bytes, enabled: $0.value) }
            enabledForProcess = OrNull(process.isTransparentEnabled)
        }
    }

    /// A sample of transparent huge pages.
    private struct Content: Encodable {
        let hugePages: UInt64
        let basePages: UInt64
        let zeroFilled: UInt64
        let candidates: UInt64
        init(_ sample: ContentSample) {
            (hugePages, basePages) = (sample.hugePages, sample.basePages)
            (zeroFilled, candidates) = (sample.zeroFilled, sample.candidates)
        }
    }
}
