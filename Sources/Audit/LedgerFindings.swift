import Observations
import PageModel

/// The rules that read the kernel's counters: do they add up, and what do they tell by themselves.
struct LedgerFindings {
    let ledger: Ledger
    let nodes: [NodeObservation]
    let base: PageSize
    /// Private pages that only a reference of the kernel keeps, by size.
    let pinned: [PageSize: UInt64]
    /// Sizes whose counters moved: sums over their nodes prove nothing.
    let movingSizes: Set<PageSize>

    var findings: [Finding] { sums + hugetlb + meminfo + underflows + surplus + withoutPages }

    private var sums: [Finding] {
        ledger.sumMismatches.filter { !movingSizes.contains($0.size) }.map { mismatch in
            Finding(
                .counterMismatch, .error, pageSize: mismatch.size,
                pages: mismatch.global.distance(from: mismatch.nodes),
                "\(mismatch.counter) of \(mismatch.size) pages is \(mismatch.global) for the machine and "
                    + "\(mismatch.nodes) over all nodes",
                evidence: [
                    Evidence(.ledger, mismatch.size.folder + mismatch.counter, "\(mismatch.global)"),
                    Evidence(
                        .ledger,
                        "/sys/devices/system/node/node*/hugepages/hugepages-\(mismatch.size.bytes / 1024)kB/"
                            + mismatch.counter, "\(mismatch.nodes)"),
                ], remedy: Remedy.reportMismatch)
        }
    }

    private var hugetlb: [Finding] {
        guard movingSizes.isEmpty else { return [] }
        return ledger.hugetlbMismatches(tolerance: ledger.lag(nodes: nodes, base: base)).map { mismatch in
            Finding(
                .counterMismatch, .error, node: mismatch.node,
                "Node \(mismatch.node) has \(ByteCount(mismatch.vmstat)) of hugetlb memory in use by its vmstat and "
                    + "\(ByteCount(mismatch.pools)) by its pools",
                evidence: [
                    Evidence(
                        .ledger, "/sys/devices/system/node/node\(mismatch.node)/vmstat",
                        "nr_hugetlb is \(mismatch.vmstat) bytes"),
                    Evidence(
                        .ledger, "/sys/devices/system/node/node\(mismatch.node)/hugepages",
                        "nr less free over all sizes is \(mismatch.pools) bytes"),
                ], remedy: Remedy.reportMismatch)
        }
    }

    private var meminfo: [Finding] {
        guard movingSizes.isEmpty, !ledger.isMeminfoEqual, let bytes = ledger.hugetlbBytes else { return [] }
        return [
            Finding(
                .counterMismatch, .error,
                "meminfo has \(ByteCount(bytes)) of hugetlb memory and the pools \(ByteCount(ledger.hugetlbBytesOfPools))",
                evidence: [
                    Evidence(.ledger, "/proc/meminfo", "Hugetlb is \(bytes) bytes"),
                    Evidence(
                        .ledger, "/sys/kernel/mm/hugepages",
                        "nr over all sizes is \(ledger.hugetlbBytesOfPools) bytes"),
                ], remedy: Remedy.reportMismatch)
        ]
    }

    private var underflows: [Finding] {
        let counts = ledger.global.filter { $0.value.reservedHugepages < 0 && !movingSizes.contains($0.key) }
        return counts.sorted { $0.key < $1.key }.map { size, global in
            let pages = global.reservedHugepages.magnitude
            let isPinned = pinned[size] ?? 0 > 0
            return Finding(
                .reservationUnderflow, isPinned ? .warning : .note, pageSize: size, pages: pages,
                "The count of reserved \(size) pages is \(global.reservedHugepages): "
                    + (isPinned
                        ? "the kernel keeps at least \(Amount(pages, size)) of private memory pinned after its mapping "
                            + "is gone"
                        : "private pages are mapped whose reservation ended with another process, which fork can do"),
                evidence: [
                    Evidence(
                        .ledger, size.folder + "resv_hugepages",
                        "\(UInt64(bitPattern: global.reservedHugepages)), which is \(global.reservedHugepages)")
                ],
                remedy: isPinned
                    ? Remedy.kernelPins : "Nothing need be done: the count rights itself when these pages are freed")
        }
    }

    private var surplus: [Finding] {
        ledger.global.sorted { $0.key < $1.key }.flatMap { size, global -> [Finding] in
            let allowed = global.nrOvercommitHugepages ?? 0
            guard global.counts.surplusHugepages > allowed, !movingSizes.contains(size) else { return [] }
            let holding = ledger.nodes.sorted { $0.key < $1.key }
                .filter { $0.key.size == size && $0.value.surplusHugepages > 0 }
            return holding.map { pool, counts in
                let isUsed = counts.nrHugepages > counts.freeHugepages
                return Finding(
                    .surplusLingering, .warning, node: pool.node, pageSize: size, pages: counts.surplusHugepages,
                    "Node \(pool.node) keeps \(Amount(counts.surplusHugepages, size)) of surplus, more than is allowed: the "
                        + "pool was made smaller than what "
                        + (isUsed ? "is in use" : "was in use; all of them are free"),
                    evidence: [
                        Evidence(.ledger, pool.folder + "surplus_hugepages", "\(counts.surplusHugepages)"),
                        Evidence(.ledger, size.folder + "nr_overcommit_hugepages", "\(allowed) are allowed"),
                    ],
                    remedy: (isUsed ? "End or restart what holds pages of node \(pool.node), or keep" : "Keep")
                        + " them: echo \(global.counts.nrHugepages) > \(size.folder)nr_hugepages"
                        + (isUsed ? "" : "; then the number that is wanted, to give them back"))
            }
        }
    }

    private var withoutPages: [Finding] {
        ledger.global.keys.sorted().flatMap { size -> [Finding] in
            let counts = nodes.map { node in (node, ledger.nodes[Pool(node: node.id, size: size)]?.nrHugepages) }
            let having = counts.filter { $0.1 ?? 0 > 0 }
            guard !having.isEmpty, !movingSizes.contains(size) else { return [] }
            return counts.filter { $0.1 == 0 && $0.0.memoryBytes > 0 && !$0.0.cpus.isEmpty }.map { node, _ in
                Finding(
                    .nodeWithoutPages, .note, node: node.id, pageSize: size, pages: 0,
                    "Node \(node.id) has CPUs and memory but no \(size) page, while "
                        + having.map { "node \($0.0.id) has \($0.1 ?? 0)" }.joined(separator: ", "),
                    evidence: [
                        Evidence(.ledger, Pool(node: node.id, size: size).folder + "nr_hugepages", "0"),
                        Evidence(
                            .libnuma, "/sys/devices/system/node/node\(node.id)",
                            "\(node.cpus.count) CPUs, "
                                + "\(ByteCount(node.memoryBytes))"),
                    ],
                    remedy: "echo COUNT > \(Pool(node: node.id, size: size).folder)nr_hugepages, if programs run there")
            }
        }
    }
}

extension UInt64 {
    fileprivate func distance(from other: UInt64) -> UInt64 { self > other ? self - other : other - self }
}
