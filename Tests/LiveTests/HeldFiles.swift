import Foundation
import PageModel
import TestSupport
import Testing

extension Live {
    /// A linked file without a mapper and without a descriptor.
    private static func orphan(_ stage: Stage, pages: UInt64 = 4) throws -> HeldTruth {
        let file = try KernelFile(stage.file)
        #expect(file.pages == pages)
        #expect(file.links == 1)
        return HeldTruth(
            kind: "file", name: stage.file, pages: pages, total: pages, inode: file.inode, path: stage.file,
            user: "root",
            finding: "orphan-file", remedy: ["rm -- ", stage.file])
    }

    /// It stays when its maker is killed, and goes with its name.
    @Test static func orphanFile() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["orphan", "--pages", "4"], steps: 2)
            try stage.expect(orphan(stage))
            stage.holder.kill()
            try stage.expect(orphan(stage))
            stage.holder.removeWhatIsLeft()
            try stage.expectAllFree()
        }
    }

    /// A file whose maker is killed while it is mapped, with its descriptor only, and after it was deleted.
    @Test(arguments: 0...2) static func fileWhoseMakerIsKilled(steps: Int) throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["file", "--pages", "4"], steps: steps)
            let inode = try KernelFile(stage.descriptor(of: "\(stage.pid)")).inode
            switch steps {
            case 0: try stage.expect(mapped: 4)
            case 1:
                try stage.expect(
                    HeldTruth(
                        kind: "file", name: stage.file, pages: 4, total: 4, pids: [stage.pid], inode: inode,
                        path: stage.file, user: "root", finding: "file-unmapped", remedy: ["\(stage.pid)"]))
            default:
                try stage.expect(
                    HeldTruth(
                        kind: "deletedFile", name: stage.file, pages: 4, total: 4, pids: [stage.pid], inode: inode,
                        user: "root", finding: "deleted-file-held", remedy: ["\(stage.pid)"]))
            }
            stage.holder.kill()
            if steps < 2 { try stage.expect(orphan(stage)) } else { try stage.expectAllFree() }
        }
    }

    /// Its maker, another user, has let go of it altogether; a child of root's has its descriptor.
    @Test static func deletedFileHeldByAnotherThanItsMaker() throws {
        try skippingWhatCannotBeHad {
            let nobody: UInt32 = 65534
            let stage = try Stage(["handed", "--pages", "5", "--uid", "\(nobody)"], steps: 1, owner: nobody)
            let file = try KernelFile(stage.descriptor(of: "\(stage.child)"))
            #expect(file.pages == 5)
            #expect(file.links == 0)
            try stage.expect(
                HeldTruth(
                    kind: "deletedFile", name: stage.file, pages: 5, total: 5, pids: [stage.child], inode: file.inode,
                    user: "nobody", finding: "deleted-file-held", remedy: ["\(stage.child)"]))
            stage.holder.kill()
            try stage.expectAllFree()
        }
    }

    @Test static func memfdUnmapped() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["memfd", "--pages", "6"], steps: 1)
            let file = try KernelFile(stage.descriptor(of: "\(stage.pid)"))
            #expect(file.pages == 6)
            try stage.expect(
                HeldTruth(
                    kind: "memfd", name: "/memfd:holder", pages: 6, total: 6, pids: [stage.pid], inode: file.inode,
                    user: "root", finding: "memfd-unmapped", remedy: ["\(stage.pid)"]))
            stage.holder.kill()
            try stage.expectAllFree()
        }
    }

    /// The descriptor is in no table but that of a single thread: `/proc/PID/fd` does not show it.
    @Test static func memfdOfOneThread() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["thread-files", "--pages", "3"], steps: 1)
            let thread = try #require(stage.holder.ready["thread"])
            #expect(!FileManager.default.fileExists(atPath: stage.descriptor(of: "\(stage.pid)")))
            let file = try KernelFile(stage.descriptor(of: "\(stage.pid)/task/\(thread)"))
            #expect(file.pages == 3)
            try stage.expect(
                HeldTruth(
                    kind: "memfd", name: "/memfd:holder", pages: 3, total: 3, pids: [stage.pid], inode: file.inode,
                    user: "root", finding: "memfd-unmapped", remedy: ["\(stage.pid)"]))
            stage.holder.kill()
            try stage.expectAllFree()
        }
    }

    /// Pages 0, 2, 4 and 6 of eight, of which the last two are no longer mapped: only those are held, and nobody has lost
    /// them. When their process is killed, all four are.
    @Test static func partlyMappedSparseFile() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["sparse", "--pages", "8"])
            try stage.expect(mapped: 4)
            try stage.holder.step()
            let file = try KernelFile(stage.file)
            #expect(file.pages == 4)
            try stage.expect(
                HeldTruth(
                    kind: "file", name: stage.file, pages: 2, total: 4, pids: [stage.pid], inode: file.inode,
                    path: stage.file, user: "root", finding: "partly-mapped", severity: "note"), mapped: 2)
            stage.holder.kill()
            try stage.expect(orphan(stage, pages: 4))
        }
    }

    /// Of a file's four pages two are mapped as they are, two lie unmapped under private copies of the process.
    @Test static func privateCopiesOfAFile() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["cow", "--pages", "4"])
            let file = try KernelFile(stage.file)
            #expect(file.pages == 4)
            try stage.expect(
                HeldTruth(
                    kind: "file", name: stage.file, pages: 2, total: 4, pids: [stage.pid], inode: file.inode,
                    path: stage.file, user: "root", finding: "partly-mapped", severity: "note"), mapped: 4)
            #expect(try LiveAudit().pages(of: stage.pid, twoMiB) == 4)
            #expect(try Witness.numaMaps(stage.pid, twoMiB) == 4)
            stage.holder.kill()
            try stage.expect(orphan(stage))
        }
    }

    /// A file with a name on a mount that is in no folder any more: no path leads to it, a descriptor does.
    @Test static func detachedMount() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["detached", "--pages", "4"], steps: 2)
            #expect(!FileManager.default.fileExists(atPath: stage.file))
            let file = try KernelFile(stage.descriptor(of: "\(stage.pid)"))
            #expect(file.pages == 4)
            #expect(file.links == 1)
            try stage.expect(
                HeldTruth(
                    kind: "file", name: "data", pages: 4, total: 4, pids: [stage.pid], inode: file.inode, user: "root",
                    finding: "file-unmapped", remedy: ["\(stage.pid)"]))
            stage.holder.kill()
            try stage.expectAllFree()
        }
    }

    /// Two files of one path, each an orphan: the one in the audit's own mount namespace, the other on a mount over it in
    /// that of a child. They are told apart, and each has a path by which it can be removed from here. A namespace takes its
    /// file along when its last process is killed.
    @Test static func twoMountNamespaces() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["orphan", "--pages", "3"], steps: 2)
            let other = try Holder(["mountns", "--pages", "5", "--path", try #require(stage.mount).folder])
            let hidden = "/proc/\(other.pids[1])/root\(stage.file)"
            let file = try KernelFile(hidden)
            #expect(file.pages == 5)
            let here = try orphan(stage, pages: 3)
            #expect(here.inode != file.inode)
            try stage.expect(
                here,
                HeldTruth(
                    kind: "file", name: stage.file, pages: 5, total: 5, inode: file.inode, path: hidden, user: "root",
                    finding: "orphan-file", remedy: ["rm -- ", hidden]))
            other.kill()
            for _ in 0..<1000 where stage.pool.count("free_hugepages") != 29 { usleep(10_000) }
            try stage.expect(here)
        }
    }
}
