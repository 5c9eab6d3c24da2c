import Glibc
import Observations
import PageModel
import SystemPackage

/// What may keep pages without showing which: registered buffers, descriptors under way, devices, pipes, and descriptors
/// that only one thread has.
extension HolderSearcher {
    mutating func searchSuspects() {
        var comparesTables = true
        for owner in owners {
            if let pinned = owner.status.pinnedBytes, pinned > 0 {
                suspects.add(PinSuspect(owner.pid, descriptor: nil, .pinned(UInt64(pinned))))
            }
            guard owner.status.threads > 1, comparesTables else { continue }
            do { try searchThreads(of: owner) } catch {
                if case .system(_, .noFunction) = error.problem {
                    comparesTables = false
                    note("descriptors that only one thread of a process has", error)
                } else if !error.isEnd {
                    found.refused += 1
                }
            }
        }
        found.suspects = suspects.all
        tellLeftOut()
    }

    private mutating func searchThreads(of owner: MemoryOwner) throws(KernelFileError) {
        let tables = try machine.root.threadsWithOwnDescriptors(of: owner.pid)
        for thread in tables.threads where thread != owner.task {
            let folder = "\(owner.pid)/task/\(thread)"
            take(scan.choice(in: folder), of: owner, in: folder)
        }
        if tables.isComplete { return }
        leaveOut(
            "descriptors of threads of process \(owner.pid)", path: ForeignText("/proc/\(owner.pid)/task"),
            "it has too many tables of them")
    }

    private mutating func tellLeftOut() {
        let path = ForeignText("/proc")
        if suspects.leftOut > 0 {
            leaveOut("\(suspects.leftOut) buffers and sockets that may keep pages", path: path, "they are too many")
        }
        if ringsLeftOut > 0 { leaveOut("\(ringsLeftOut) io_urings", path: path, "a process has too many of them") }
        if busyRings > 0 { leaveOut("the buffers of \(busyRings) io_urings", path: path, "they stayed busy") }
    }

    /// Looks at a descriptor that leads to no file on a disk.
    mutating func suspect(_ number: Int32, of owner: MemoryOwner, in folder: String) {
        let root = machine.root
        guard let link = try? root.link(ofDescriptor: number, of: folder) else { return }
        switch SuspectKind(link: link) {
        case .pipe?: suspects.add(hint: PinSuspect(owner.pid, descriptor: number, .pipe))
        case .device?:
            suspects.add(hint: PinSuspect(owner.pid, descriptor: number, .device(link)))
            if let locked = owner.status.lockedBytes, locked > 0 {
                suspects.add(hint: PinSuspect(owner.pid, descriptor: nil, .locked(UInt64(locked))))
            }
        case .socket?:
            guard let count = (try? root.descriptorInfo(of: number, of: folder))?.scmFds, count > 0 else { return }
            suspects.add(PinSuspect(owner.pid, descriptor: number, .socket(inFlight: count)))
        case .ioUring?: suspectRing(number, of: owner, in: folder)
        case nil: break
        }
    }

    private mutating func suspectRing(_ number: Int32, of owner: MemoryOwner, in folder: String) {
        if rings?.process != owner.pid { rings = ProcessRings(of: owner.pid) }
        guard var rings, rings.read < ProcessRings.most else {
            ringsLeftOut += 1
            return
        }
        guard let info = ring(number, in: folder) else { return }
        let isNew = rings.insert(info)
        if isNew, info.userFiles > 0 {
            suspects.add(PinSuspect(owner.pid, descriptor: number, .ringFiles(info.userFiles)))
        }
        if isNew, !info.buffers.isEmpty {
            let mapped = rings.mapped ?? mapped(of: owner)
            rings.mapped = mapped
            for isMapped in [false, true] {
                let buffers = RangeUnion(info.buffers.filter { mapped.contains($0) == isMapped })
                for buffer in buffers.ranges {
                    suspects.add(
                        PinSuspect(owner.pid, descriptor: number, .ioUring(buffer: buffer, isMapped: isMapped)))
                }
            }
        }
        self.rings = rings
    }

    private func mapped(of owner: MemoryOwner) -> RangeUnion {
        var mapped = RangeUnion()
        try? machine.root.mappings(of: owner.folder) { mapped.insert($0.addresses) }
        return mapped
    }

    /// While a ring is busy the kernel lists no buffers: it is asked again, and what it lists at last is taken.
    private mutating func ring(_ number: Int32, in folder: String) -> DescriptorInfo? {
        var info: DescriptorInfo?
        for attempt in 0..<3 {
            if attempt > 0 { usleep(1000) }
            info = try? machine.root.descriptorInfo(of: number, of: folder)
            guard let info, !info.areBuffersComplete else { return info }
        }
        busyRings += 1
        return info
    }
}
