public import Observations
public import PageModel
import SystemPackage

/// All hugepage counters in one go.
extension KernelRoot {
    /// Global and per-node counters. What could not be read is missing from the result and added to `unread`.
    /// - Parameters:
    ///   - nodes: those that sysfs has; none on a kernel without NUMA, whose one node is node 0 with the global figures.
    ///   - memoryless: nodes for which the kernel need not have counters, as 5.10 has none.
    public func ledger(
        sizes: [PageSize], nodes: [NodeID], memoryless: Set<NodeID>, base: PageSize, unread: inout [Unread]
    ) -> Ledger {
        var ledger = Ledger(global: [:], nodes: [:])
        for size in sizes {
            unread.collect(.ledger, "the machine-wide counters of \(size) pages") { () throws(KernelFileError) in
                ledger.global[size] = try globalHugepages(of: size)
            }
            if ledger.global[size] == nil { ledger.isGlobalComplete = false }
            for node in nodes {
                let pool = Pool(node: node, size: size)
                do {
                    ledger.nodes[pool] = try nodeHugepages(of: pool, isOptional: memoryless.contains(node))
                } catch {
                    ledger.unreadPools.insert(pool)
                    unread.note(.ledger, "the counters of \(size) pages on node \(node)", error)
                }
            }
            if nodes.isEmpty { ledger.nodes[Pool(node: NodeID(0), size: size)] = ledger.global[size]?.counts }
        }
        for node in nodes {
            unread.collect(.ledger, "nr_hugetlb of node \(node)") { () throws(KernelFileError) in
                ledger.nodeHugetlb[node] = try vmstat(of: node)["nr_hugetlb"].map { base.amount(of: $0).bytes }
            }
        }
        unread.collect(.ledger, "Hugetlb of meminfo") { () throws(KernelFileError) in
            ledger.hugetlbBytes = try meminfo().fields["Hugetlb"]
        }
        return ledger
    }
}

extension [Unread] {
    /// Runs `read` and notes its failure, once for each thing that is missing.
    mutating func collect(_ subject: Unread.Subject, _ what: String, _ read: () throws(KernelFileError) -> Void) {
        do { try read() } catch { note(subject, what, error) }
    }

    mutating func note(_ subject: Unread.Subject, _ what: String, _ error: KernelFileError) {
        let entry = Unread(
            subject, what: what, path: error.foreignPath, reason: error.reason, remedy: error.advice)
        if !contains(entry) { append(entry) }
    }
}

extension Unread {
    /// libnuma did not answer: the map of nodes is then held against nothing.
    static func libnuma(reason: String) -> Unread {
        Unread(
            .topology, what: "libnuma's word on the node of mapped pages", path: ForeignText("numa_move_pages"),
            reason: reason, remedy: "Run as root with CAP_SYS_PTRACE, where no seccomp filter refuses move_pages(2)")
    }

    /// CAP_SYS_ADMIN is missing.
    /// - Parameter hasNodes: numa_maps could be read.
    static func hiddenFrames(of process: PID, path: FilePath, hasNodes: Bool) -> Unread {
        Unread(
            .pageTables, what: "the frames of process \(process)", path: ForeignText(path),
            reason: "page frame numbers or their flags are hidden" + (hasNodes ? "; nodes are from numa_maps" : ""),
            remedy: "Run as root with CAP_SYS_ADMIN in the initial user namespace")
    }
}
