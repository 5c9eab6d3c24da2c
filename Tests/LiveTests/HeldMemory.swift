import Foundation
import PageModel
import TestSupport
import Testing

extension Live {
    /// A segment to which nobody is attached, by its own will or because the only process was killed.
    @Test(arguments: 0...1) static func segmentWithoutProcess(steps: Int) throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["sysv", "--pages", "4"], steps: steps)
            let id = try #require(stage.holder.ready["shmid"].flatMap { UInt64($0) })
            let orphan = HeldTruth(
                kind: "sharedMemory", name: "\(id)", pages: 4, total: 4, inode: id, finding: "orphan-shm",
                remedy: ["ipcrm -m \(id)"])
            if steps == 0 { try stage.expect(mapped: 4) } else { try stage.expect(orphan) }
            stage.holder.kill()
            #expect(try run("/usr/bin/ipcs", ["-m", "-i", "\(id)"]).output.contains("nattch=0"))
            try stage.expect(orphan)
            stage.holder.removeWhatIsLeft()
            try stage.expectAllFree()
        }
    }

    /// The same in an IPC namespace of a child's, whose ids begin anew: it is entered by that child.
    @Test static func segmentInAnotherIPCNamespace() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["ipcns", "--pages", "4"])
            let id = try #require(stage.holder.ready["childshmid"])
            try stage.expect(
                HeldTruth(
                    kind: "sharedMemory", name: "SYSV", pages: 4, total: 4, finding: "orphan-shm",
                    remedy: ["ipcrm -m \(id)", "\(stage.child)"]))
            stage.holder.kill()
            try stage.expectAllFree()
        }
    }

    /// Shared memory, still mapped, whose pages only a child touched that has ended: databases have such. No page table
    /// leads to them, and nobody has lost them.
    @Test static func sharedMemoryTouchedByTheDead() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["shared-by-the-dead", "--pages", "6", "--touch", "4"])
            let start = try #require(stage.holder.ready["address"].flatMap { UInt64($0.dropFirst(2), radix: 16) })
            let range = "\(String(start, radix: 16))-\(String(start + 6 * twoMiB.bytes, radix: 16))"
            let file = try KernelFile("/proc/\(stage.pid)/map_files/\(range)")
            #expect(file.pages == 4)
            try stage.expect(
                HeldTruth(
                    kind: "sharedMemory", name: "/anon_hugepage", pages: 4, total: 4, pids: [stage.pid],
                    inode: file.inode, finding: "partly-mapped", severity: "note"))
            stage.holder.kill()
            try stage.expectAllFree()
        }
    }

    /// What several processes map by fork is held by none, also when some of them are killed.
    @Test(arguments: ["fork", "forkshared"]) static func forkShared(_ kind: String) throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage([kind, "--pages", "4", "--children", "3"])
            try stage.expect(mapped: 4)
            kill(stage.child.rawValue, SIGKILL)
            try stage.expect(mapped: 4)
            stage.holder.kill()
            try stage.expectAllFree()
        }
    }

    /// Each of several has its own row, whatever the others are.
    @Test static func severalHoldersAtOnce() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["orphan", "--pages", "5"], steps: 2)
            let memfd = try Holder(["memfd", "--pages", "3"])
            let ring = try Holder(["iouring", "--pages", "2"])
            let mapper = try Holder(["private", "--pages", "4"])
            for holder in [memfd, ring] { try holder.step() }
            try stage.expect(
                HeldTruth(
                    kind: "file", name: stage.file, pages: 5, total: 5, inode: try KernelFile(stage.file).inode,
                    path: stage.file, finding: "orphan-file", remedy: [stage.file]),
                HeldTruth(
                    kind: "memfd", name: "/memfd:holder", pages: 3, total: 3, pids: memfd.pids,
                    finding: "memfd-unmapped",
                    remedy: ["\(memfd.pids[0])"]),
                HeldTruth(
                    kind: "ioUring", pages: 2, pids: ring.pids, finding: "kernel-held",
                    remedy: ["\(ring.pids[0])"]), mapped: 4)
            for holder in [memfd, ring, mapper] { holder.kill() }
            stage.holder.stop()
            try stage.expectAllFree()
        }
    }
}
