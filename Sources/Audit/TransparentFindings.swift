import Observations
import PageModel

/// The rules on transparent huge pages: where they were asked for and are not, and where they hold nothing but zeros.
struct TransparentFindings {
    let account: ProcessAccount

    var findings: [MappedFinding] { fallbacks + bloat.map { MappedFinding(finding: $0) } }

    private var observation: ProcessObservation { account.observation }
    private static let folder = "/sys/kernel/mm/transparent_hugepage/"

    // MARK: fallback-to-base

    /// Why memory is not in huge pages though it could be.
    private enum Reason: Hashable {
        /// Asked for by MADV_HUGEPAGE; the settings forbid it: the file below the folder, and its word.
        case setting(String)
        /// Asked for, and PR_SET_THP_DISABLE forbids it.
        case process
        /// Asked for and allowed.
        case advised
        /// Allowed to all, and asked for by nobody.
        case allowed

        init?(_ mapping: MappingReport) {
            let isAdvised = mapping.observation.vmFlags?.contains("hg") ?? false
            switch mapping.eligibility {
            case .eligible?: self = isAdvised ? .advised : .allowed
            case .never(let setting)? where isAdvised: self = .setting(setting)
            case .disabledByProcess? where isAdvised: self = .process
            default: return nil
            }
        }

        var rank: Int {
            switch self {
            case .setting: 0
            case .process: 1
            case .advised: 2
            case .allowed: 3
            }
        }
    }

    private var fallbacks: [MappedFinding] {
        guard observation.isClassified, let size = observation.transparent.pmdSize else { return [] }
        let mappings = account.mappings.filter { $0.observation.missingHuge > 0 }
        let groups = Dictionary(grouping: mappings, by: Reason.init)
        return groups.compactMap { reason, mappings in reason.map { ($0, mappings) } }
            .sorted { ($0.0.rank, "\($0.0)") < ($1.0.rank, "\($1.0)") }
            .compactMap { reason, mappings in fallback(reason, mappings, size) }
    }

    private func fallback(_ reason: Reason, _ mappings: [MappingReport], _ size: PageSize) -> MappedFinding? {
        let ranked = mappings.sorted { left, right in
            (right.observation.missingHuge, left.start) < (left.observation.missingHuge, right.start)
        }
        let missing = mappings.reduce(0) { $0 &+ $1.observation.missingHuge }
        let room = mappings.reduce(0) { $0 &+ $1.observation.pages.roomForHuge }
        guard missing >= size.bytes else { return nil }
        let finding = Finding(
            .fallbackToBase, reason != .allowed && missing >= room / 2 ? .warning : .note, pageSize: size,
            pages: missing / size.bytes,
            "\(ByteCount(missing)) of \(ByteCount(room)) \(message(reason, size))",
            evidence: settings(reason)
                + ranked.map { MappingShare($0, []) }.evidence(account.file("pagemap")) { share in
                    let pages = share.mapping.observation
                    return
                        "\(ByteCount(pages.transparentBytes)) of \(ByteCount(pages.pages.roomForHuge)) is in huge pages"
                },
            remedy: remedy(reason))
        return MappedFinding(finding: finding, mappings: ranked)
    }

    private func message(_ reason: Reason, _ size: PageSize) -> String {
        switch reason {
        case .setting(let setting):
            "was asked to be in huge pages of \(size) (MADV_HUGEPAGE) and is not: the settings forbid it (\(setting))"
        case .process:
            "was asked to be in huge pages of \(size) (MADV_HUGEPAGE) and is not: PR_SET_THP_DISABLE forbids it"
        case .advised:
            "was asked to be in huge pages of \(size) (MADV_HUGEPAGE) and is in smaller ones: it was touched before "
                + "madvise(2), none was free then, or they were split"
        case .allowed: "could be in huge pages of \(size) and is in smaller ones"
        }
    }

    private func settings(_ reason: Reason) -> [Evidence] {
        switch reason {
        case .setting(let setting):
            let (file, word) = Self.halves(setting)
            return [Evidence(.configuration, Self.folder + file, word)]
        case .process: return [Evidence(.configuration, account.file("status"), "THP_enabled is 0")]
        case .advised: return [Evidence(.configuration, account.file("smaps"), "VmFlags have hg")]
        case .allowed:
            return [Evidence(.configuration, Self.folder + "enabled", observation.transparent.enabled ?? "?")]
        }
    }

    private func remedy(_ reason: Reason) -> String {
        switch reason {
        case .setting(let setting):
            let (file, _) = Self.halves(setting)
            return "echo \(file == "shmem_enabled" ? "advise" : "madvise") > \(Self.folder)\(file)"
                + "  # for all processes; khugepaged then collapses what is there"
        case .process: return "Start it without PR_SET_THP_DISABLE: it or a program that started it called prctl(2)"
        case .advised, .allowed:
            return
                "echo 1 > /proc/sys/vm/compact_memory  # makes free huge pages; khugepaged collapses into them what it comes "
                + "by (see \(Self.folder)khugepaged), MADV_COLLAPSE at once"
        }
    }

    /// `enabled: never`: the file and its word.
    private static func halves(_ setting: String) -> (file: String, word: String) {
        let parts = setting.split(separator: ":", maxSplits: 1).map { $0.drop { $0 == " " } }
        return (String(parts.first ?? ""), String(parts.count > 1 ? parts[1] : ""))
    }

    // MARK: thp-bloat

    private var bloat: [Finding] {
        guard let content = observation.content, content.basePages > 0 else { return [] }
        let pmd = observation.transparent.pmdSize
        let others = pmd.map { content.unsampled(of: account.pages, size: $0) } ?? 0
        let sampled = account.pages.anonymousTHP - others
        let zero = min(content.zeroFilled, content.basePages)
        let (high, low) = zero.multipliedFullWidth(by: sampled)
        let estimate = content.basePages.dividingFullWidth((high, low)).quotient
        guard estimate >= pmd?.bytes ?? 2 << 20 else { return [] }
        let share = Double(zero) / Double(content.basePages)
        return [
            Finding(
                .thpBloat, share >= 0.25 ? .warning : .note, pageSize: pmd,
                "About \(ByteCount(estimate)) (\(Int(share * 100)) %) of the \(ByteCount(sampled)) in transparent huge pages is "
                    + "nothing but zeros, by a sample of \(content.hugePages) of \(content.candidates) huge pages",
                evidence: [
                    Evidence(
                        .pageTables, account.file("mem"),
                        "\(content.zeroFilled) of \(content.basePages) base pages in the sample are zero-filled"
                            + (others == 0 ? "" : "; \(ByteCount(others)) more, mapped in parts, was not looked into"))
                ],
                remedy:
                    "echo 0 > \(Self.folder)khugepaged/max_ptes_none  # khugepaged then fills no holes; MADV_NOHUGEPAGE where "
                    + "memory is touched sparsely; 6.12 and newer give such pages back when memory is short (shrink_underused)"
            )
        ]
    }
}

extension MappingObservation {
    /// In RAM, in smaller pages, where there is room for huge ones. Unit: bytes.
    fileprivate var missingHuge: UInt64 {
        let transparent = transparentBytes
        return pages.roomForHuge > transparent ? pages.roomForHuge - transparent : 0
    }
}
