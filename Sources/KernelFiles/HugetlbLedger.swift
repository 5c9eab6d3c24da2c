public import Observations
public import PageModel

/// All hugepage counters in one go.
extension KernelRoot {
    /// Global and per-node counters. What could not be read is missing from the result and added to `unread`.
    /// - Parameter nodes: empty on a kernel without NUMA; its one node is then node 0 and has the global figures.
    public func ledger(sizes: [PageSize], nodes: [NodeID], base: PageSize, unread: inout [Unread]) -> Ledger {
        var ledger = Ledger(global: [:], nodes: [:])
        for size in sizes {
            unread.collect(.ledger, "the machine-wide counters of \(size) pages") { () throws(KernelFileError) in
                ledger.global[size] = try globalHugepages(of: size)
            }
            for node in nodes {
                let pool = Pool(node: node, size: size)
                unread.collect(.ledger, "the counters of \(size) pages on node \(node)") { () throws(KernelFileError) in
                    ledger.nodes[pool] = try nodeHugepages(of: pool)
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
            subject, what: what, path: error.foreignPath, reason: error.reason, remedy: error.advice ?? "")
        if !contains(entry) { append(entry) }
    }
}
