import Foundation
import PageModel
import SystemPackage
import TestSupport
import Testing

@testable import KernelFiles

/// A System V segment that nobody has attached, removed with this object, and its frames as its maker saw them.
private final class Segment {
    let id: Int32
    private(set) var frames: [PFN] = []

    /// In the IPC namespace of this thread; of huge pages where pages are to be written.
    init(bytes: Int, written: [UInt64]) throws {
        let (create, hugetlb): (Int32, Int32) = (0o1000, written.isEmpty ? 0 : 0o4000)
        let pageSize = written.isEmpty ? 0 : Int32(twoMiB.bytes.trailingZeroBitCount) << 26
        id = shmget(IPC_PRIVATE, bytes, create | hugetlb | pageSize | 0o600)
        guard id >= 0 else { throw Holder.Unavailable(description: "shmget: \(Errno(rawValue: errno))") }
        if written.isEmpty { return }
        let pages = try OwnPages(segment: id, twoMiB)
        pages.write(written)
        frames = try pages.frames(written)
    }

    func remove() { shmctl(id, IPC_RMID, nil) }

    /// `shm_nattch`; nil where it is gone.
    var attached: UInt64? {
        var status = shmid_ds()
        return shmctl(id, IPC_STAT, &status) == 0 ? UInt64(status.shm_nattch) : nil
    }
}

extension Live {
    /// Pages of segments without a mapper, by way of an attach that is over at once; a length that is no multiple of the page
    /// size; an ordinary segment and one that is gone.
    @Test static func framesOfASegment() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let one = try Segment(bytes: 8 << 20, written: [1])
            let odd = try Segment(bytes: 5 << 20, written: [0, 1, 2])
            let ordinary = try Segment(bytes: 100_000, written: [])
            let gone = try Segment(bytes: 4096, written: [])
            gone.remove()
            defer { for segment in [one, odd, ordinary] { segment.remove() } }
            let before = Traces(pool)
            let placed = try Placed(
                .segment(id: one.id, namespace: nil), .segment(id: ordinary.id, namespace: nil),
                .segment(id: gone.id, namespace: nil), .segment(id: odd.id, namespace: nil))
            #expect(Traces(pool) == before)
            #expect(placed.frames == [one.frames, [], [], odd.frames])
            #expect(!placed.isMapped.joined().contains(true))
            #expect(
                placed.outcomes.map { $0.refusal?.description } == [
                    nil, "it is no file of huge pages", "shmctl: Invalid argument", nil,
                ])
            #expect(placed.outcomes[0].file?.inode == UInt64(one.id))
            #expect(placed.outcomes[0].file?.allocated == 2 << 20)
            #expect(placed.outcomes[0].file?.length == 8 << 20)
            #expect(placed.outcomes[0].file?.pageSize == twoMiB.bytes)
            #expect([one, odd, ordinary].map(\.attached) == [0, 0, 0])
            #expect(gone.attached == nil)
        }
    }

    /// The same id in two namespaces is two segments; the child goes there and back.
    @Test static func segmentsOfAnotherNamespace() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let own = try Segment(bytes: 4 << 20, written: [1])
            defer { own.remove() }
            let namespace = try IPCNamespace()
            let other = try namespace.run { try Segment(bytes: 6 << 20, written: [0, 2]) }
            defer { namespace.run { other.remove() } }
            let before = Traces(pool)
            let placed = try Placed(
                .segment(id: own.id, namespace: nil), .segment(id: other.id, namespace: namespace.descriptor),
                .segment(id: own.id, namespace: nil))
            #expect(placed.frames == [own.frames, other.frames, own.frames])
            #expect(placed.outcomes.map(\.refusal) == [nil, nil, nil])

            let table = String(decoding: try FramePlacer.sharedMemoryTable(in: namespace.descriptor), as: UTF8.self)
            let rows = table.split(separator: "\n").map { $0.split(separator: " ") }
            #expect(rows.count == 2)
            #expect(rows[0].prefix(4) == ["key", "shmid", "perms", "size"])
            #expect(rows[1].prefix(4) == ["0", "\(other.id)", "600", "\(6 << 20)"])
            #expect(Traces(pool) == before)
        }
    }

    /// Whoever detaches last removes a segment there: it is not attached.
    @Test static func segmentThatWouldGo() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            let namespace = try IPCNamespace()
            let attached = try namespace.run { try Segment(bytes: 4 << 20, written: [0]) }
            let pages = try namespace.run { try OwnPages(segment: attached.id, twoMiB) }
            pages.read([0])
            let alone = try namespace.run {
                try "1".write(toFile: "/proc/sys/kernel/shm_rmid_forced", atomically: false, encoding: .utf8)
                return try Segment(bytes: 4 << 20, written: [])
            }
            defer { for segment in [attached, alone] { namespace.run { segment.remove() } } }
            let before = Traces(pool)
            let placed = try Placed(
                .segment(id: alone.id, namespace: namespace.descriptor),
                .segment(id: attached.id, namespace: namespace.descriptor))
            #expect(Traces(pool) == before)
            #expect(
                placed.outcomes.map { $0.refusal?.description } == [
                    "kernel.shm_rmid_forced would remove it after a look at it", nil,
                ])
            #expect(placed.frames == [[], try pages.frames([0])])
            #expect(placed.isMapped == [[], [true]])
            #expect(namespace.run { [alone, attached].map(\.attached) } == [0, 1])
        }
    }

    /// What is no namespace is not entered.
    @Test static func tableOfNoNamespace() throws {
        let file = try FileDescriptor.open("/dev/null", .readOnly, options: .closeOnExec)
        defer { try? file.close() }
        #expect { _ = try FramePlacer.sharedMemoryTable(in: file) } throws: { error in
            "\(error)".hasPrefix(
                "could not read, in another IPC namespace (setns), /proc/sysvipc/shm: Invalid argument. ")
        }
    }
}
