import Observations
import PageModel

/// The rules that read how the audit itself went: what it could not read, what kept moving, where witnesses disagree.
struct WitnessFindings {
    let observation: MachineObservation
    let settling: Settling
    let unread: [Unread]

    var findings: [Finding] { Finding.partialView(unread) + unsettled + nodeMismatches + lostFrames + headsWithoutNode }

    private var pass: HugetlbPass? { observation.passes.last }

    private static let waitForQuiet = "Audit again when programs have started up and no pool is being resized"

    private var unsettled: [Finding] {
        let pools = settling.unsettled.sorted().map { pool in
            let free = settling.range(of: pool) { $0.counts.map { Int64(clamping: $0.freeHugepages) } }
            let rest = settling.range(of: pool, \.unexplained)
            let says = [("free", free), ("unexplained", rest)].compactMap { name, range in
                range.map { "\(name) was \($0.lowerBound) to \($0.upperBound)" }
            }
            return Finding(
                .unsettled, .warning, node: pool.node, pageSize: pool.size,
                "The \(pool.size) pages of node \(pool.node) kept moving: "
                    + (says.isEmpty ? "no two passes agreed" : says.joined(separator: ", ")),
                evidence: [
                    Evidence(.audit, pool.folder, "\(observation.passes.count) passes did not agree on this pool")
                ],
                remedy: Self.waitForQuiet)
        }
        guard pools.isEmpty, !settling.isSettled else { return pools }
        return [
            Finding(
                .unsettled, .warning, "Machine-wide counters or page tables kept moving",
                evidence: [
                    Evidence(
                        .audit, "/sys/kernel/mm/hugepages",
                        "\(observation.passes.count) passes did not agree, though each node's pools stood still")
                ],
                remedy: Self.waitForQuiet)
        ]
    }

    private var nodeMismatches: [Finding] {
        (pass?.walk.disagreements ?? []).sorted { ($0.byBlocks, $0.size) < ($1.byBlocks, $1.size) }
            .map { .nodeMismatch($0, believed: "libnuma was believed") }
    }

    private var lostFrames: [Finding] {
        guard settling.isSettled, let pages = pass?.walk.lostFrames, pages > 0, pass?.census != nil else { return [] }
        return [
            Finding(
                .counterMismatch, .error, pages: pages,
                "Page tables lead to \(pages) huge \(pages == 1 ? "page" : "pages") that physical memory does not show",
                evidence: [
                    Evidence(.pageTables, "/proc/PID/pagemap", "frames that hugetlb mappings point to"),
                    Evidence(.census, "/proc/kpageflags", "no mapped hugetlb head there"),
                ],
                remedy: Remedy.reportMismatch)
        ]
    }

    private var headsWithoutNode: [Finding] {
        guard settling.isSettled else { return [] }
        return (pass?.headsWithoutNode ?? [:]).sorted { $0.key < $1.key }.map { size, pages in
            Finding(
                .counterMismatch, .error, pageSize: size, pages: pages,
                "\(Amount(pages, size).are()) in memory that no node claims for itself alone: pages of this size are not judged "
                    + "node by node",
                evidence: [
                    Evidence(.census, "/proc/kpageflags", "\(pages) hugetlb heads"),
                    Evidence(.census, "/proc/zoneinfo, /sys/devices/system/memory", "no node, or several, claim it"),
                ],
                remedy: "Report it with /proc/zoneinfo and the links in /sys/devices/system/node")
        }
    }
}

extension Finding {
    /// That the view is partial; nothing where all was read.
    static func partialView(_ unread: [Unread]) -> [Finding] {
        guard let first = unread.first else { return [] }
        return [
            Finding(
                .partialView, .note,
                unread.count == 1
                    ? "One thing could not be read: \(first.what)"
                    : "\(unread.count) things could not be read, above all \(first.what)",
                evidence: unread.map { Evidence(.audit, $0.path.escaped, "\($0.what): \($0.reason)") },
                remedy: first.remedy)
        ]
    }

    /// - Parameter believed: whose word counts in the report.
    static func nodeMismatch(_ found: NodeDisagreement, believed: String) -> Finding {
        Finding(
            .nodeMismatch, .error, node: found.byLibnuma, pageSize: found.size, pages: found.pages,
            "\(Amount(found.pages, found.size).are()) on node \(found.byLibnuma) by libnuma and on node "
                + "\(found.byBlocks) by memory blocks and zones; \(believed)",
            evidence: [
                Evidence(.libnuma, "numa_move_pages", "node \(found.byLibnuma)"),
                Evidence(.census, "/proc/zoneinfo, /sys/devices/system/memory", "node \(found.byBlocks)"),
            ],
            remedy: "Report it with /proc/zoneinfo: unmapped pages near there may be placed wrongly, too")
    }
}
