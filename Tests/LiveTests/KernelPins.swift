import PageModel
import TestSupport
import Testing

extension Live {
    /// A memfd that is nowhere but under way to a process that never receives it: that process has the socket's end.
    @Test static func descriptorInFlight() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["inflight", "--pages", "4"])
            try stage.expect(mapped: 4)
            try stage.holder.step()
            try stage.expect(
                HeldTruth(
                    kind: "socket", pages: 4, pids: [stage.child], finding: "kernel-held",
                    remedy: ["\(stage.child)"]))
            stage.holder.kill()
            try stage.expectAllFree()
        }
    }

    /// Pages registered with io_uring after munmap: private ones have the mark of a pin, those of shared memory, whose file
    /// is gone, have none. While they are mapped, nothing is held.
    @Test(arguments: ["iouring", "iouring-shared"]) static func bufferOfIOUring(_ kind: String) throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage([kind, "--pages", "4"])
            try stage.expect(mapped: 4)
            try stage.holder.step()
            try stage.expect(
                HeldTruth(
                    kind: "ioUring", pages: 4, pids: [stage.pid], finding: "kernel-held",
                    remedy: ["\(stage.pid)"]))
            stage.holder.kill()
            try stage.expectAllFree()
        }
    }

    /// Private pages that were put into a pipe and unmapped: the kernel keeps them, and no file says for whom.
    @Test static func pagesInAPipe() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["vmsplice", "--pages", "4"], steps: 1)
            try stage.expect(HeldTruth(kind: "kernel", pages: 4, pids: [stage.pid], finding: "kernel-held"))
            stage.holder.kill()
            try stage.expectAllFree()
        }
    }
}
