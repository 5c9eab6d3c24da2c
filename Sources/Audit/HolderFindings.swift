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

    var findings: [Finding] { groups.map { GroupFinding($0, search).finding } + withoutNode + mounts + unexplained }

    private var withoutNode: [Finding] {
        unlocated.sorted { $0.key < $1.key }.filter { !movingSizes.contains($0.key) }.map { size, pages in
            Finding(
                .unexplainedPages, .warning, pageSize: size, pages: pages,
                "\(Amount(pages, size)) \(inUseWithoutAName(pages)); on which nodes cannot be told, as the holders of others "
                    + "could not be placed",
                evidence: search.searched + search.hints, remedy: placing(size))
        }
    }

    /// What would tell on which nodes files of `size` have their pages.
    private func placing(_ size: PageSize) -> String {
        if search.isPassive { return "Audit again without --passive" }
        let reason = search.files.lazy.filter { $0.size == size && $0.pages > 0 }.compactMap(\.unplaced).first
        return "Audit again\(reason.map { "; why their place could not be told: \($0)" } ?? "")"
    }

    private var mounts: [Finding] {
        reservations.reservations.filter { !movingSizes.contains($0.size) }.compactMap(search.mountFinding)
    }

    private var unexplained: [Finding] {
        let standing = reservations.unexplained.filter { !movingSizes.contains($0.key) }
        return standing.sorted { $0.key < $1.key }.map { size, pages in
            Finding(
                .reservationUnexplained, .warning, pageSize: size, pages: pages,
                "\(Amount(pages, size).are()) reserved by no mapping, file or mount that was seen",
                evidence: [
                    Evidence(
                        .ledger, size.folder + "resv_hugepages", "resv is \(global[size]?.reservedHugepages ?? 0)"),
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
    /// What there is to say of pages that a mount has reserved; nil for a reservation of anything else.
    func mountFinding(_ reservation: Reservation) -> Finding? {
        guard case .mount(let device) = reservation.owner,
            let mount = mounts.first(where: { $0.device == device })
        else { return nil }
        return Finding(
            .mountReservation, .note, pageSize: reservation.size, pages: reservation.pages,
            "\(Amount(reservation.pages, reservation.size).are()) reserved by the mount on "
                + "\(mount.folder.escaped(limit: 60)) and used by none of its files",
            evidence: [
                Evidence(
                    .holders, "/proc/\(mount.through.map(\.description) ?? "self")/mountinfo",
                    "min_size is \(Amount(mount.minimum, reservation.size))")
            ],
            remedy: "umount \(mount.through.map { "-N \($0) " } ?? "")\(shellQuoted(mount.folder))  "
                + "# gives them back; refused while a process uses the mount")
    }

    /// That some would not show what they have: it matters where something has no name. Nil where all did.
    var refusals: Unread? {
        refused == 0
            ? nil
            : Unread(
                .holders, what: "what some processes have open or mapped", path: ForeignText("/proc"),
                reason: "\(refused) times a process refused to show it",
                remedy: "Run as root with CAP_SYS_PTRACE in the host's initial namespaces")
    }

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
                [Evidence(.ledger, "/proc/vmstat", GroupFinding.pinned($0))]
            } ?? [])
    }
}

/// The words by which a command is run in the IPC namespace of `process`; none for the audit's own. A mount namespace is
/// never entered so: the command itself would be found there, and be somebody else's.
func enteringIPC(of process: PID?) -> String { process.map { "nsenter -t \($0) -i " } ?? "" }
