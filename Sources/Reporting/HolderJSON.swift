import Audit
import Observations
import PageModel

/// One entry of `holders[]`, in every document that has them.
struct HolderRow: Encodable {
    let kind: String
    let name: String
    /// By which it can be removed; null for what is no linked file.
    let path: OrNull<String>
    let pageSize: UInt64
    /// Those that no page table leads to.
    let pages: UInt64
    /// All that it has; null for what is no file.
    let total: OrNull<UInt64>
    let nodes: OrNull<[Place]>
    let pids: [Int32]
    let inode: OrNull<UInt64>
    let user: OrNull<String>
    let since: OrNull<String>
    let finding: String
    /// Empty where nothing is held any more.
    let remedy: String
    let owners: [Owner]

    struct Place: Encodable {
        let node: Int
        let pages: UInt64

        static func places(_ placements: [Placement]) -> [Place] {
            placements.compactMap { place in place.node.map { Place(node: $0.rawValue, pages: place.pages) } }
        }
    }

    struct Owner: Encodable {
        let pid: Int32
        let name: String
        let user: String
        let cgroup: String
        let unit: OrNull<String>
        let container: OrNull<AuditDocument.Container>
        let pod: OrNull<String>

        init(_ pid: PID, _ identity: ProcessIdentity) {
            (self.pid, name, user) = (pid.rawValue, identity.name.repaired, identity.user.repaired)
            cgroup = identity.cgroup.repaired
            let owner = CgroupOwner(of: identity.cgroup)
            (unit, pod) = (OrNull(owner.unit?.repaired), OrNull(owner.pod))
            container = OrNull(owner.container.map(AuditDocument.Container.init))
        }
    }

    init(_ holder: Holder, search: HolderSearch?) {
        (kind, name) = (holder.kind.rawValue, holder.name.repaired)
        path = OrNull(holder.file?.path?.repaired)
        (pageSize, pages, total) = (holder.size.bytes, holder.pages, OrNull(holder.file?.pages))
        nodes = OrNull(holder.nodes.map(Place.places))
        pids = holder.processes.map(\.rawValue)
        inode = OrNull(holder.file?.identity.inode)
        user = OrNull(holder.file?.owner.repaired)
        since = OrNull(holder.since.flatMap(timestamp))
        finding = holder.findingID.rawValue
        remedy = holder.pages == 0 ? "" : search.map(holder.remedy) ?? ""
        owners = holder.processes.compactMap { pid in search?.identities[pid].map { Owner(pid, $0) } }
    }
}

/// One entry of `reservations[]`.
struct ReservationRow: Encodable {
    let kind: String
    let name: String
    let pid: OrNull<Int32>
    let pageSize: UInt64
    let pages: UInt64

    init(_ reservation: Reservation) {
        (kind, name) = (reservation.kind.rawValue, reservation.name.repaired)
        pid = OrNull(reservation.process?.rawValue)
        (pageSize, pages) = (reservation.size.bytes, reservation.pages)
    }
}
