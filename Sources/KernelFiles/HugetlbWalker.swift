import BitCollections
import Observations
import PageModel
import SystemPackage

/// Walks the page tables of the processes that hold hugetlb pages: one pass over all of them.
struct HugetlbWalker: ~Copyable {
    let machine: HugetlbMachine
    let flags: WordFile?
    let index: FrameIndex
    /// Distinct frames over all processes, by their number in `index`: a page that many map counts once.
    var reached = BitSet()
    /// The node of frames for which libnuma said otherwise than the map.
    var learned: [PFN: NodeID] = [:]
    var walk = HugetlbWalk()
    var unread: [Unread] = []
    /// Where the pages of files are that more than one process may map.
    var files: [HugetlbFile.Identity: SharedFilePages] = [:]
    /// Every process with an address space that let its status be read, ascending.
    private(set) var owners: [MemoryOwner] = []
    /// Some mapping was seen that other processes could share the page tables of.
    var canBeShared = false
    var disagreements: [NodeDisagreement: UInt64] = [:]

    init(_ machine: HugetlbMachine) {
        self.machine = machine
        index = machine.index
        flags = try? machine.root.kpageflags()
    }

    /// Reads the status of every process and walks those that hold hugetlb pages; then, where page tables may be shared
    /// or `isThorough`, the others too: the kernel counts a page for the process that touched it first, not for sharers.
    mutating func walkAll(isThorough: Bool) {
        let root = machine.root
        let processes: [PID]
        do { processes = try root.processes() } catch { return unread.note(.pageTables, "the processes", error) }
        walk.processesSeen = UInt64(processes.count)
        var siblings: [PID: [PID]] = [:]
        var spaces = AddressSpaces()
        var buffer: [UInt8] = []
        for pid in processes {
            do {
                guard let owner = try root.memoryOwner(pid, buffer: &buffer) else { continue }
                owners.append(owner)
                if owner.status.hugetlbBytes == 0 {
                    continue
                } else if root.isLive, case let leader = spaces.leader(of: owner.task), leader != owner.task {
                    siblings[leader, default: []].append(pid)
                } else {
                    try add(owner, .all)
                }
            } catch { note(error, pid) }
        }
        for index in walk.processes.indices {
            walk.processes[index].siblings = siblings[walk.processes[index].pid] ?? []
        }
        if canBeShared || isThorough {
            for owner in owners where owner.status.hugetlbBytes == 0 {
                do { try add(owner, isThorough ? .all : .shareable) } catch {
                    walk.refusedSharers += root.hasEnded(owner.pid, error) ? 0 : 1
                }
            }
        }
        walk.disagreements = disagreements.map { disagreement, pages in
            var disagreement = disagreement
            disagreement.pages = pages
            return disagreement
        }
    }

    private mutating func note(_ error: KernelFileError, _ pid: PID) {
        if machine.root.hasEnded(pid, error) {
            walk.vanished += 1
        } else {
            unread.note(.pageTables, "the huge pages of process \(pid)", error)
        }
    }

    /// Which mappings of a process are looked at.
    enum Mappings {
        case all
        /// Those whose page tables can be another process's.
        case shareable
    }

    /// Walks one process and lists it where it maps anything, or where its status says so and it cannot be read.
    private mutating func add(_ owner: MemoryOwner, _ which: Mappings) throws(KernelFileError) {
        var pages = ProcessPages()
        do {
            try walkMappings(of: owner, which, into: &pages)
        } catch {
            if owner.status.hugetlbBytes != 0, !machine.root.hasEnded(owner.pid, error) { list(owner, pages) }
            throw error
        }
        if !pages.counts.isEmpty { list(owner, pages) }
    }

    private mutating func list(_ owner: MemoryOwner, _ pages: ProcessPages) {
        let (root, pid) = (machine.root, owner.pid)
        let user = owner.status.user
        walk.processes.append(
            HugetlbProcess(
                pid: pid, siblings: [], name: root.name(of: pid), command: root.command(of: pid),
                user: machine.users[user] ?? ForeignText("\(user)"), cgroup: root.cgroup(of: pid),
                hugetlbBytes: owner.status.hugetlbBytes ?? 0, placements: pages.placements))
    }
}
