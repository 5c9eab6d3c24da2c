import Observations
import PageModel

/// What a group of holders amounts to as a finding.
struct GroupFinding {
    let group: HolderGroup
    let search: HolderSearch

    init(_ group: HolderGroup, _ search: HolderSearch) { (self.group, self.search) = (group, search) }

    var finding: Finding {
        let nodes = group.nodes
        return Finding(
            group.finding, group.finding == .partlyMapped ? .note : .warning,
            node: nodes?.count == 1 ? nodes?[0].node : nil, pageSize: group.size, pages: group.pages,
            "\(Amount(group.pages, group.size).are(place(nodes))) \(says)",
            evidence: evidence, remedy: group.remedy(search))
    }

    private func place(_ nodes: [Placement]?) -> String {
        guard let nodes, let first = nodes.first?.node else { return "" }
        return nodes.count == 1
            ? " on node \(first)"
            : " (" + nodes.map { "\($0.pages) on node \($0.node.map(\.description) ?? "?")" }.joined(separator: ", ")
                + ")"
    }

    /// The sentence from "are" on.
    private var says: String {
        let subject = group.subject
        let people = people(group.processes)
        return switch group.finding {
        case .orphanFile: "kept by \(subject), which no process maps or has open"
        case .fileUnmapped: "kept by \(subject), which no process maps and \(people) has open"
        case .deletedFileHeld, .memfdUnmapped:
            "kept by \(subject), which no process maps; \(people) has it open\(maker)"
        case .orphanShm where !group.isProven:
            "perhaps kept by \(subject), to which no process is attached: nobody looked whether it has huge pages"
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
    private var maker: String {
        guard let file = group.holders[0].file,
            let keeper = group.processes.first.flatMap({ search.identities[$0] }), keeper.user != file.owner
        else { return "" }
        return " as user \(keeper.user.escaped(limit: 32)); user \(file.owner.escaped(limit: 32)) made it"
    }

    static func pinned(_ pins: Int64) -> String { "nr_foll_pin_acquired less nr_foll_pin_released is \(pins)" }

    var evidence: [Evidence] {
        var evidence: [Evidence] = []
        if let file = group.holders[0].file { evidence += self.evidence(of: file) }
        for suspect in group.holders[0].suspects.prefix(8) {
            evidence.append(Evidence(.holders, suspect.path, suspect.says))
        }
        for process in group.processes.prefix(4) {
            let owner = search.identities[process].map { CgroupOwner(of: $0.cgroup).description } ?? ""
            if !owner.isEmpty { evidence.append(Evidence(.holders, "/proc/\(process)/cgroup", "it is of \(owner)")) }
        }
        if group.holders[0].isSuspected, let pins = search.longTermPins {
            evidence.append(Evidence(.ledger, "/proc/vmstat", Self.pinned(pins)))
        }
        if let reason = group.holders.lazy.compactMap({ $0.file?.unplaced }).first {
            evidence.append(Evidence(.audit, "", "their place could not be told: \(reason)"))
        }
        if evidence.isEmpty {
            evidence.append(Evidence(.census, "/proc/kpageflags", "anonymous, and mapped by nobody"))
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
        case (.ioUring, let number?), (.ringFiles, let number?), (.socket, let number?):
            "/proc/\(process)/fdinfo/\(number)"
        case (_, let number?): "/proc/\(process)/fd/\(number)"
        case (_, nil): "/proc/\(process)/status"
        }
    }

    var says: String {
        switch kind {
        case .ioUring(let buffer, let isMapped):
            "a registered buffer of \(ByteCount(buffer.upperBound - buffer.lowerBound)) at "
                + "\(hexadecimal(buffer.lowerBound))\(isMapped ? "" : ", where nothing is mapped any more")"
        case .ringFiles(let count): "\(count) \(count == 1 ? "file is" : "files are") registered with it"
        case .socket(let count): "\(count) \(count == 1 ? "descriptor is" : "descriptors are") under way to it"
        case .device(let name): "\(name.escaped(limit: 60)), which can pin memory"
        case .pinned(let bytes): "VmPin is \(ByteCount(bytes))"
        case .locked(let bytes): "VmLck is \(ByteCount(bytes)), beside a device that can pin memory"
        case .pipe: "a pipe, which vmsplice can have filled with pages"
        }
    }
}
