import Observations
import PageModel

/// The rules that read limits of cgroups: who may map more than he may touch, and who was refused.
struct CgroupFindings {
    private let rows: [(cgroup: HugetlbCgroup, refusals: UInt64)]

    init(_ cgroups: [HugetlbCgroup]) {
        let refusals = Self.refusals(cgroups)
        rows = cgroups.map { ($0, refusals[Place($0)] ?? 0) }
    }

    /// One for each cgroup and size.
    var findings: [Finding] { rows.compactMap { LimitFinding(cgroup: $0.cgroup, refusals: $0.refusals).finding } }

    private struct Place: Hashable {
        let version: HugetlbCgroup.Version
        let size: PageSize
        let path: ArraySlice<UInt8>

        init(_ cgroup: HugetlbCgroup) { self.init(cgroup.version, cgroup.size, cgroup.path.bytes[...]) }
        private init(_ version: HugetlbCgroup.Version, _ size: PageSize, _ path: ArraySlice<UInt8>) {
            (self.version, self.size, self.path) = (version, size, path)
        }

        /// Nil for the root.
        var parent: Place? {
            guard path.count > 1, let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return nil }
            return Place(version, size, slash == path.startIndex ? path[...slash] : path[..<slash])
        }
    }

    /// How often each cgroup's limit was in the way. Version 1 says it. Version 2 counts a refusal where the program was and
    /// in all cgroups above: each is taken once, for the lowest cgroup with a limit that it passed.
    private static func refusals(_ cgroups: [HugetlbCgroup]) -> [Place: UInt64] {
        let all = Dictionary(cgroups.map { (Place($0), $0) }) { first, _ in first }
        func nearest(above place: Place, where isMeant: (HugetlbCgroup) -> Bool) -> Place? {
            var next = place.parent
            while let place = next {
                if all[place].map(isMeant) ?? false { return place }
                next = place.parent
            }
            return nil
        }
        var own = all.mapValues(\.refusals)
        for (place, cgroup) in all where cgroup.version == .v2 {
            guard let above = nearest(above: place, where: { _ in true }), let sum = own[above] else { continue }
            own[above] = sum - min(sum, cgroup.refusals)
        }
        return all.reduce(into: [:]) { sums, entry in
            let (place, cgroup) = entry
            let isBlameless = cgroup.version == .v2 && !cgroup.isLimited
            let blamed = isBlameless ? nearest(above: place, where: \.isLimited) ?? place : place
            sums[blamed, default: 0] &+= (own[place] ?? 0) &+ (cgroup.refusedReservations ?? 0)
        }
    }
}

extension HugetlbCgroup {
    fileprivate var isLimited: Bool { limit != nil || reservedLimit != nil }
}

/// What there is to say of one cgroup and one size.
private struct LimitFinding {
    let cgroup: HugetlbCgroup
    let refusals: UInt64

    var finding: Finding? {
        guard missing > 0 || refusals > 0 else { return nil }
        return Finding(
            .cgroupSigbusRisk, canRaiseSIGBUS ? .warning : .note, pageSize: size,
            pages: missing > 0 ? missing / size.bytes : nil,
            missing > 0 ? shortfall : refusal, evidence: evidence, remedy: remedy)
    }

    private var size: PageSize { cgroup.size }

    /// What is reserved and may not be used. Unit: bytes.
    private var missing: UInt64 { cgroup.limit.map { cgroup.reserved - min($0, cgroup.reserved) } ?? 0 }

    /// More can be mapped than may be touched.
    private var canRaiseSIGBUS: Bool {
        guard let limit = cgroup.limit else { return false }
        return cgroup.reservedLimit.map { $0 > limit } ?? true
    }

    private var name: String {
        let owner = CgroupOwner(of: cgroup.path).description
        return "Cgroup \(cgroup.path.escaped(limit: 80))" + (owner.isEmpty ? "" : " (\(owner))")
    }

    private func amount(_ bytes: UInt64) -> String { "\(Amount(bytes / size.bytes, size))" }

    private var shortfall: String {
        "\(name) has reserved \(amount(cgroup.reserved)) and may use \(amount(cgroup.limit ?? 0)): "
            + "the first touch of a page beyond that is a SIGBUS"
            + (refusals > 0 ? "; \(what) was refused \(times)" : "")
    }

    private var refusal: String {
        let limits = [
            cgroup.limit.map { "may use \(amount($0))" }, cgroup.reservedLimit.map { "may reserve \(amount($0))" },
        ]
        let now = limits.compactMap { $0 }.joined(separator: " and ")
        return "\(name) was refused \(what) of \(size) \(times)"
            + (now.isEmpty ? ", and has no limit now" : ": it \(now)")
    }

    private var what: String {
        switch cgroup.refusedReservations {
        case 0: "a page"
        case refusals: "a reservation"
        default: "a page or a reservation"
        }
    }

    private var times: String { refusals == 1 ? "once" : "\(refusals) times" }

    private var evidence: [Evidence] {
        func limit(_ bytes: UInt64?) -> String { bytes.map { "no more than \($0) bytes" } ?? "no limit" }
        var evidence = [
            (HugetlbCgroup.File.limit, "\(limit(cgroup.limit)) may be used"),
            (.reserved, "\(cgroup.reserved) bytes are reserved"), (.usage, "\(cgroup.usage) bytes are used"),
            (.reservedLimit, "\(limit(cgroup.reservedLimit)) may be reserved"),
        ]
        if let reservations = cgroup.refusedReservations {
            evidence.append((.refusals, "pages refused with SIGBUS: \(cgroup.refusals)"))
            evidence.append((.refusedReservations, "reservations refused, so that mmap failed: \(reservations)"))
        } else {
            evidence.append(
                (.refusals, "max \(cgroup.refusals): pages refused with SIGBUS, and calls of mmap that failed"))
        }
        return evidence.map { Evidence(.ledger, cgroup.path(of: $0).escaped, $1) }
    }

    private func set(_ file: HugetlbCgroup.File, _ bytes: String) -> String {
        "echo \(bytes) > \(shellQuoted(cgroup.path(of: file)))"
    }

    private var remedy: String {
        guard let limit = cgroup.limit else {
            return cgroup.isLimited
                ? "If its programs need more, raise the limit: \(set(.reservedLimit, "BYTES"))"
                : "Nothing: the limit is gone, the count goes with the cgroup"
        }
        let failing = "let mmap fail in place of SIGBUS: \(set(.reservedLimit, "\(limit)"))"
        if missing > 0 {
            return
                "Raise the limit to what is reserved: \(set(.limit, "\(cgroup.reserved)")), or end programs there until "
                + "no more is reserved than may be used (before, the kernel says EBUSY) and \(failing)"
        }
        return canRaiseSIGBUS
            ? "Raise the limit to what its programs need: \(set(.limit, "BYTES")), or \(failing)"
            : "If its programs need more, raise both limits: \(set(.limit, "BYTES")); \(set(.reservedLimit, "BYTES"))"
    }
}
