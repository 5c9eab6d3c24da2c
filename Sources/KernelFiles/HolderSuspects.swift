import Observations
import PageModel

/// What may keep pages without showing which: registered buffers, descriptors under way, devices, pipes, and descriptors
/// that only one thread has.
extension HolderSearcher {
    /// Of pipes and devices, which are many and tell little.
    private static let mostSuspects = 256

    mutating func searchSuspects() {
        for owner in owners {
            if let pinned = owner.status.pinnedBytes, pinned > 0 {
                add(PinSuspect(owner.pid, descriptor: nil, .pinned(UInt64(pinned))))
            }
            guard owner.status.threads > 1 else { continue }
            do {
                let tables = try machine.root.threadsWithOwnDescriptors(of: owner.pid)
                for thread in tables.threads where thread != owner.task {
                    let folder = "\(owner.pid)/task/\(thread)"
                    take(scan.choice(in: folder), of: owner, in: folder)
                }
                if !tables.isComplete {
                    leaveOut(
                        "descriptors of threads of process \(owner.pid)", path: "/proc/\(owner.pid)/task",
                        "it has too many tables of them")
                }
            } catch { if !error.isEnd { found.refused += 1 } }
        }
    }

    /// Looks at a descriptor that leads to no file on a disk.
    mutating func suspect(_ number: Int32, of owner: HugetlbWalker.Owner, in folder: String) {
        let root = machine.root
        guard let link = try? root.link(ofDescriptor: number, of: folder) else { return }
        switch SuspectKind(link: link) {
        case .pipe?: add(PinSuspect(owner.pid, descriptor: number, .pipe))
        case .device?:
            add(PinSuspect(owner.pid, descriptor: number, .device(link)))
            if let locked = owner.status.lockedBytes, locked > 0 {
                add(PinSuspect(owner.pid, descriptor: nil, .locked(UInt64(locked))))
            }
        case .socket?:
            guard let count = (try? root.descriptorInfo(of: number, of: folder))?.scmFds, count > 0 else { return }
            found.suspects.append(PinSuspect(owner.pid, descriptor: number, .socket(inFlight: count)))
        case .ioUring?: suspectRing(number, of: owner, in: folder)
        case nil: break
        }
    }

    private mutating func suspectRing(_ number: Int32, of owner: HugetlbWalker.Owner, in folder: String) {
        // While the ring is busy the kernel lists nothing; the next pass asks again.
        guard let info = try? machine.root.descriptorInfo(of: number, of: folder) else { return }
        if info.userFiles > 0 {
            found.suspects.append(PinSuspect(owner.pid, descriptor: number, .ringFiles(info.userFiles)))
        }
        if info.buffers.isEmpty { return }
        var mapped = RangeUnion()
        try? machine.root.mappings(of: owner.folder) { mapped.insert($0.addresses) }
        for buffer in info.buffers {
            found.suspects.append(
                PinSuspect(
                    owner.pid, descriptor: number, .ioUring(buffer: buffer, isMapped: mapped.contains(buffer))))
        }
    }

    private mutating func add(_ suspect: PinSuspect) {
        if found.suspects.count < Self.mostSuspects, !found.suspects.contains(suspect) {
            found.suspects.append(suspect)
        }
    }
}
