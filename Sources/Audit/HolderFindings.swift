import Observations
import PageModel

/// The rules that read who holds pages which nobody maps, and who has reserved some.
struct HolderFindings {
    let groups: [HolderGroup]
    let reservations: ReservationAccount
    /// Pages without a name, of sizes where it cannot be told on which node they are.
    let unlocated: [PageSize: UInt64]
    let search: HolderSearch
    /// Sizes whose counters moved: what is reserved proves nothing.
    let movingSizes: Set<PageSize>
    let global: [PageSize: GlobalHugepages]

    var findings: [Finding] { groups.map(finding) + withoutNode + mounts + unexplained }

    private func finding(_ group: HolderGroup) -> Finding {
        let nodes = group.nodes
        return Finding(
            group.finding, group.finding == .partlyMapped ? .note : .warning,
            node: nodes?.count == 1 ? nodes?[0].node : nil, pageSize: group.size, pages: group.pages,
            "\(Amount(group.pages, group.size))\(place(nodes)) \(group.pages == 1 ? "is" : "are") \(says(group))",
            evidence: evidence(group), remedy: group.remedy(search))
    }

    private func place(_ nodes: [Placement]?) -> String {
        guard let nodes, let first = nodes.first?.node else { return "" }
        return nodes.count == 1
            ? " on node \(first)"
            : " (" + nodes.map { "\($0.pages) on node \($0.node.map(\.description) ?? "?")" }.joined(separator: ", ")
                + ")"
    }

    /// The sentence from "are" on.
    private func says(_ group: HolderGroup) -> String {
        let subject = group.subject
        let people = people(group.processes)
        return switch group.finding {
        case .orphanFile: "kept by \(subject), which no process maps or has open"
        case .fileUnmapped: "kept by \(subject), which no process maps and \(people) has open"
        case .deletedFileHeld, .memfdUnmapped:
            "kept by \(subject), which no process maps; \(people) has it open\(maker(group))"
        case .orphanShm: "kept by \(subject), to which no process is attached"
        case .partlyMapped: "in no page table, and kept by \(subject), which \(people) maps"
        default:
            "kept by \(subject) alone"
                + (group.processes.isEmpty ? "; no process could be made out" : "; perhaps \(people) has them")
        }
    }

    /// `process 12 (name)`, and how many more there are.
    private func people(_ processes: [PID]) -> String {
        guard let first = processes.first else { return "a process that was not seen" }
        let name = search.identities[first].map { " (\($0.name.escaped(limit: 40)))" } ?? ""
        let more = processes.count - 1
        return "process \(first)\(name)" + (more > 0 ? " and \(more) more" : "")
    }

    /// Who made the file, where that is somebody else than who keeps it. The kernel remembers the user only.
    private func maker(_ group: HolderGroup) -> String {
        guard let file = group.holders[0].file,
            let keeper = group.processes.first.flatMap({ search.identities[$0] }), keeper.user != file.owner
        else { return "" }
        return " as user \(keeper.user.escaped(limit: 32)); user \(file.owner.escaped(limit: 32)) made it"
    }

    static func pinned(_ pins: Int64) -> String { "nr_foll_pin_acquired less nr_foll_pin_released is \(pins)" }

    private func evidence(_ group: HolderGroup) -> [Evidence] {
        var evidence: [Evidence] = []
        if let file = group.holders[0].file { evidence += self.evidence(of: file) }
        for suspect in group.holders[0].suspects.prefix(8) {
            evidence.append(Evidence(.holders, suspect.path, suspect.says))
        }
        if group.holders[0].isSuspected, let pins = search.longTermPins {
            evidence.append(Evidence(.ledger, "/proc/vmstat", Self.pinned(pins)))
        }
        if let reason = group.holders.lazy.compactMap({ $0.file?.unplaced }).first {
            evidence.append(Evidence(.audit, "", "their place could not be told: \(reason)"))
        }
        return evidence
    }

    private func evidence(of file: HugetlbFile) -> [Evidence] {
        let says = "inode \(file.identity.inode), \(file.pages) \(file.pages == 1 ? "page" : "pages") by st_blocks"
        var evidence = file.uses.prefix(4).map { Evidence(.holders, $0.path, says) }
        if case .systemV(let segment) = file.kind {
            evidence.append(
                Evidence(
                    .holders, "/proc/sysvipc/shm",
                    "shmid \(segment.id), nattch \(segment.attached), made by process \(segment.creator)"))
        }
        if evidence.isEmpty { evidence.append(Evidence(.holders, (file.path ?? file.name).escaped, says)) }
        if let frames = file.frames, frames.mapped > 0 {
            evidence.append(Evidence(.census, "/proc/kpageflags", "MMAP is set on \(frames.mapped) of its pages"))
        }
        return evidence
    }

    private var withoutNode: [Finding] {
        unlocated.sorted { $0.key < $1.key }.filter { !movingSizes.contains($0.key) }.map { size, pages in
            Finding(
                .unexplainedPages, .warning, pageSize: size, pages: pages,
                "\(Amount(pages, size)) are in use, but no process maps them and nothing that was found holds them; on "
                    + "which nodes cannot be told, as the holders of others could not be placed",
                evidence: search.searched + search.hints, remedy: "Audit again without --passive")
        }
    }

    private var mounts: [Finding] {
        reservations.reservations.filter { $0.kind == .mount && !movingSizes.contains($0.size) }.map { reservation in
            let mount = search.mounts.first { $0.folder == reservation.name && $0.size == reservation.size }
            return Finding(
                .mountReservation, .note, pageSize: reservation.size, pages: reservation.pages,
                "\(Amount(reservation.pages, reservation.size)) are reserved by the mount on "
                    + "\(reservation.name.escaped(limit: 60)) and used by none of its files",
                evidence: [Evidence(.holders, "/proc/self/mountinfo", "min_size is \(mount?.minimum ?? 0) pages")],
                remedy: "\(entering(mount?.through, "-m"))umount \(shellQuoted(reservation.name))  "
                    + "# gives them back; refused while a process uses the mount")
        }
    }

    private var unexplained: [Finding] {
        let standing = reservations.unexplained.filter { !movingSizes.contains($0.key) }
        return standing.sorted { $0.key < $1.key }.map { size, pages in
            Finding(
                .reservationUnexplained, .warning, pageSize: size, pages: pages,
                "\(Amount(pages, size)) are reserved, and no mapping, file or mount that was seen has reserved them",
                evidence: [
                    Evidence(
                        .ledger, size.folder + "resv_hugepages", "\(global[size]?.reservedHugepages ?? 0) are reserved"),
                    Evidence(
                        .holders, "/proc",
                        "mappings, files and mounts account for "
                            + "\(reservations.reservations.filter { $0.size == size }.reduce(0) { $0 &+ $1.pages })"),
                ],
                remedy: "Run the audit in the host's initial namespaces as root; if it stays, report it with the JSON")
        }
    }
}

extension HolderSearch {
    /// What was looked at without finding a name.
    var searched: [Evidence] {
        [
            Evidence(
                .holders, "/proc",
                "\(descriptors) descriptors, \(mounts.count) hugetlbfs mounts in \(mountNamespaces) mount namespaces and "
                    + "\(ipcNamespaces) IPC namespaces were looked at"
                    + (refused > 0 ? "; \(refused) times a process refused to be" : ""))
        ]
    }

    /// What might keep pages without showing which.
    var hints: [Evidence] {
        suspects.prefix(4).map { Evidence(.holders, $0.path, $0.says) }
            + (longTermPins.map {
                [Evidence(.ledger, "/proc/vmstat", HolderFindings.pinned($0))]
            } ?? [])
    }
}

/// The words by which a command is run in the namespace of `process`; none for the audit's own.
func entering(_ process: PID?, _ namespace: String) -> String {
    process.map { "nsenter -t \($0) \(namespace) " } ?? ""
}

extension HugetlbFile.Use {
    /// The link below `/proc` that leads to the file.
    var path: String {
        switch way {
        case .descriptor(let number): "/proc/\(process)/fd/\(number)"
        case .mapping: "/proc/\(process)/maps"
        }
    }
}

extension PinSuspect {
    var path: String {
        switch (kind, descriptor) {
        case (.ioUring, let number?), (.socket, let number?): "/proc/\(process)/fdinfo/\(number)"
        case (_, let number?): "/proc/\(process)/fd/\(number)"
        case (_, nil): "/proc/\(process)/status"
        }
    }

    var says: String {
        switch kind {
        case .ioUring(let buffer, let isMapped):
            "a registered buffer of \(ByteCount(buffer.upperBound - buffer.lowerBound)) at "
                + "0x\(String(buffer.lowerBound, radix: 16))\(isMapped ? "" : ", where nothing is mapped any more")"
        case .socket(let count): "\(count) \(count == 1 ? "descriptor is" : "descriptors are") under way to it"
        case .device(let name): "\(name.escaped(limit: 60)), which can pin memory"
        case .pinned(let bytes): "VmPin is \(ByteCount(bytes))"
        case .locked(let bytes): "VmLck is \(ByteCount(bytes)), beside a device that can pin memory"
        case .pipe: "a pipe, which vmsplice can have filled with pages"
        }
    }
}
