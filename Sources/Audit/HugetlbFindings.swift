import Observations
import PageModel

/// The rules that read one row of the equation: what is left over, what nobody seen maps, what is broken.
struct HugetlbRowFindings {
    let balance: HugetlbBalance
    /// Nil where nobody looked for holders.
    let search: HolderSearch?
    /// Whether every process that holds huge pages let its page tables be read.
    let sawAllPageTables: Bool
    /// Processes that might share page tables and would not say.
    let refusedSharers: UInt64

    private var node: NodeID { balance.pool.node }
    private var size: PageSize { balance.pool.size }

    /// All findings of a row that stood still.
    var findings: [Finding] { [unexplained, negative, poisoned, mapperNotSeen].compactMap { $0 } + counters }

    private func counter(_ name: String) -> String { balance.pool.folder + name }

    private var unexplained: Finding? {
        guard let rest = balance.unexplained, rest > 0, let counts = balance.counts else { return nil }
        let pages = UInt64(rest)
        let used = counts.nrHugepages - min(counts.freeHugepages, counts.nrHugepages)
        var evidence = [
            Evidence(.ledger, counter("free_hugepages"), "\(used) of \(counts.nrHugepages) pages are in use"),
            Evidence(.census, "/proc/kpageflags", "page tables map \(balance.mapped ?? 0) of them"),
        ]
        if balance.keptByKernel > 0 {
            let says =
                "of those in use, \(balance.keptByKernel) anonymous and mapped by nobody: "
                + "only a reference of the kernel keeps them (io_uring, a pipe, RDMA)"
            evidence.append(Evidence(.census, "/proc/kpageflags", says))
        }
        if let search { evidence += search.searched + search.hints }
        return Finding(
            .unexplainedPages, .warning, node: node, pageSize: size, pages: pages,
            "\(Amount(pages, size)) on node \(node) \(inUseWithoutAName(pages, wasSearched: search != nil))",
            evidence: evidence,
            remedy: balance.keptByKernel == pages || search != nil
                ? Remedy.kernelPins
                : "Look for files in hugetlbfs (findmnt -t hugetlbfs), for open descriptors without a mapping "
                    + "(find /proc/[0-9]*/fd \\( -lname '/memfd:*' -o -lname '*(deleted)' \\) -printf '%p %l\\n') "
                    + "and for System V segments (ipcs -m)")
    }

    private var negative: Finding? {
        guard let rest = balance.unexplained, rest < 0 else { return nil }
        return Finding(
            .counterMismatch, .error, node: node, pageSize: size, pages: rest.magnitude,
            "On node \(node), \(Amount(rest.magnitude, size).are(" more")) mapped, held or poisoned than in use: "
                + "the witnesses contradict each other",
            evidence: [
                Evidence(.ledger, counter("free_hugepages"), "free is \(balance.counts?.freeHugepages ?? 0)"),
                Evidence(
                    .census, "/proc/kpageflags",
                    "\(balance.mapped ?? 0) are mapped and \(balance.poisoned ?? 0) poisoned"),
                Evidence(.holders, "/proc", "\(balance.held ?? 0) are held"),
            ],
            remedy: Remedy.reportMismatch)
    }

    private var poisoned: Finding? {
        let pages = (balance.poisoned ?? 0) + balance.poisonedFree
        guard pages > 0 else { return nil }
        var evidence = [Evidence(.census, "/proc/kpageflags", "HUGE and HWPOISON are set on \(pages) heads")]
        if balance.poisonedFree > 0 {
            evidence.append(
                Evidence(.ledger, counter("free_hugepages"), "\(balance.poisonedFree) of them still count as free"))
        }
        if balance.poisonedMapped > 0 {
            evidence.append(
                Evidence(.census, "/proc/kpageflags", "\(balance.poisonedMapped) of them are still mapped"))
        }
        return Finding(
            .poisonedPage, .error, node: node, pageSize: size, pages: pages,
            "\(Amount(pages, size).are(" on node \(node)")) poisoned by a memory error",
            evidence: evidence,
            remedy: "Have the memory of node \(node) checked (ras-mc-ctl --errors, dmesg | grep -i 'memory failure')")
    }

    private var mapperNotSeen: Finding? {
        guard balance.unseen > 0 else { return nil }
        let pages = balance.unseen
        var evidence = [
            Evidence(
                .census, "/proc/kpageflags", "\(pages) heads have MMAP and no page table that was read leads there")
        ]
        if balance.unseenMappings > 0 {
            evidence.append(Evidence(.census, "/proc/kpagecount", "they are mapped \(balance.unseenMappings) times"))
        }
        if refusedSharers > 0 {
            evidence.append(Evidence(.pageTables, "/proc", "\(refusedSharers) processes refused to be read"))
        }
        return Finding(
            .mapperNotSeen, sawAllPageTables ? .warning : .note, node: node, pageSize: size, pages: pages,
            "\(Amount(pages, size).are(" on node \(node)")) mapped by "
                + (sawAllPageTables ? "a process that was not seen" : "processes that could not be read in full"),
            evidence: evidence,
            remedy: "Run the audit in the host's initial PID namespace, as root with CAP_SYS_ADMIN and CAP_SYS_PTRACE")
    }

    private var counters: [Finding] {
        guard let counts = balance.counts else { return [] }
        var findings: [Finding] = []
        if counts.freeHugepages > counts.nrHugepages {
            findings.append(
                mismatch(
                    counts.freeHugepages - counts.nrHugepages, "free is above nr",
                    [
                        Evidence(.ledger, counter("nr_hugepages"), "\(counts.nrHugepages)"),
                        Evidence(.ledger, counter("free_hugepages"), "\(counts.freeHugepages)"),
                    ]))
        }
        if let heads = balance.heads, heads != counts.nrHugepages {
            let difference = heads > counts.nrHugepages ? heads - counts.nrHugepages : counts.nrHugepages - heads
            findings.append(
                mismatch(
                    difference, "physical memory has \(heads) pages where the counter says \(counts.nrHugepages)",
                    [
                        Evidence(.census, "/proc/kpageflags", "\(heads) hugetlb heads"),
                        Evidence(.ledger, counter("nr_hugepages"), "\(counts.nrHugepages)"),
                    ]))
        }
        return findings
    }

    private func mismatch(_ pages: UInt64, _ what: String, _ evidence: [Evidence]) -> Finding {
        Finding(
            .counterMismatch, .error, node: node, pageSize: size, pages: pages,
            "On node \(node), the \(size) pool does not add up: \(what)", evidence: evidence,
            remedy: "Audit again; if it stays, look for a memory error (dmesg | grep -i 'memory failure') "
                + "and report it to the kernel's maintainers")
    }
}

/// The end of the sentence on pages that nobody is known to have: `are in use, but no process maps them`
/// - Parameter wasSearched: holders were looked for, too.
func inUseWithoutAName(_ pages: UInt64, wasSearched: Bool = true) -> String {
    let (verb, them) = pages == 1 ? ("is", "it") : ("are", "them")
    return "\(verb) in use, but no process maps \(them)"
        + (wasSearched ? " and nothing that was found holds \(them)" : "")
}

/// What to do about one thing that several findings tell of.
enum Remedy {
    static let kernelPins =
        "Look for processes with registered io_uring buffers "
        + "(find /proc/[0-9]*/fdinfo -type f -exec grep -lE '^User(Bufs|Files):.*[1-9]' {} +), RDMA or pipes fed by "
        + "vmsplice; ending them frees the pages"
    static let reportMismatch = "Audit again; if it stays, report it with the JSON of this audit"
}

/// A number of pages and what they amount to: `100 pages of 2 MiB (200 MiB)`.
struct Amount: CustomStringConvertible {
    let pages: UInt64
    let size: PageSize
    init(_ pages: UInt64, _ size: PageSize) { (self.pages, self.size) = (pages, size) }
    var description: String { "\(pages) \(pages == 1 ? "page" : "pages") of \(size) (\(size.amount(of: pages)))" }
    /// As the subject of a sentence, with its verb: `1 page of 2 MiB (2 MiB) on node 0 is`
    func are(_ place: String = "") -> String { "\(self)\(place) \(pages == 1 ? "is" : "are")" }
}

extension Pool {
    /// The folder of this pool's counters in sysfs.
    var folder: String { "/sys/devices/system/node/node\(node)/hugepages/hugepages-\(size.bytes / 1024)kB/" }
}

extension PageSize {
    /// The folder of this size's machine-wide counters in sysfs.
    var folder: String { "/sys/kernel/mm/hugepages/hugepages-\(bytes / 1024)kB/" }
}
