import Foundation
import Observations
import PageModel
import SystemPackage
import TestSupport
import Testing

@testable import KernelFiles

/// A hugetlb file and the pages of it that are written.
struct FileState: CustomTestStringConvertible, Sendable {
    enum Kind: Sendable { case linked, unlinked, readOnly, sealedMemfd }
    let testDescription: String
    let kind: Kind
    let size: PageSize
    /// The file's length, in pages.
    let pages: UInt64
    let written: [UInt64]
    /// Whether it was mapped with a reservation, which stays with the inode.
    let reserves: Bool
    /// How many pages, from the first, stay mapped.
    let staysMapped: UInt64

    init(
        _ name: String, _ kind: Kind = .linked, size: PageSize = twoMiB, pages: UInt64, written: [UInt64],
        reserves: Bool = false, staysMapped: UInt64 = 0
    ) {
        (testDescription, self.kind, self.size, self.pages) = (name, kind, size, pages)
        (self.written, self.reserves, self.staysMapped) = (written, reserves, staysMapped)
    }
}

private let fileStates = [
    FileState("empty, without length", pages: 0, written: []),
    FileState("empty", pages: 4, written: []),
    FileState("full", pages: 4, written: [0, 1, 2, 3]),
    FileState("sparse", pages: 8, written: [0, 3, 4]),
    FileState("its last page only", pages: 8, written: [7]),
    FileState("several windows", pages: 2000, written: [0, 511, 512, 1029, 1999]),
    FileState("unlinked", .unlinked, pages: 4, written: [1, 3]),
    FileState("sealed memfd, full", .sealedMemfd, pages: 4, written: [0, 1, 2, 3]),
    FileState("sealed memfd, sparse", .sealedMemfd, pages: 6, written: [1, 4]),
    FileState("mode 0400, open for reading", .readOnly, pages: 4, written: [2]),
    FileState("with reservations of its inode", pages: 6, written: [1, 2], reserves: true),
    FileState("half mapped by another process", pages: 8, written: [0, 1, 5, 6], staysMapped: 4),
    FileState("one page of 1 GiB", size: oneGiB, pages: 2, written: [1]),
    FileState("sealed memfd of 1 GiB", .sealedMemfd, size: oneGiB, pages: 1, written: [0]),
]

/// A file in that state, and its frames as its maker saw them.
private final class MadeFile {
    private(set) var file: FileDescriptor
    private(set) var frames: [PFN] = []
    private var kept: OwnPages?

    init(_ state: FileState, in mount: TestSupport.HugetlbMount) throws {
        let path = FilePath(mount.folder).appending("placed")
        if state.kind == .sealedMemfd {
            file = try Linux.hugeMemfd(state.size)
        } else {
            file = try .open(path, .readWrite, options: [.create, .closeOnExec], permissions: .ownerRead)
        }
        try file.resize(to: Int64(state.pages * state.size.bytes))
        if state.pages > 0 {
            let pages = try OwnPages(file, count: state.pages, state.size, reserves: state.reserves)
            pages.write(state.written)
            frames = try pages.frames(state.written)
        }
        switch state.kind {
        case .linked: break
        case .unlinked: try FileManager.default.removeItem(atPath: path.string)
        case .sealedMemfd: try Linux.seal(file)
        case .readOnly:
            try file.close()
            file = try .open(path, .readOnly, options: .closeOnExec)
        }
        if state.staysMapped > 0 {
            kept = try OwnPages(file, count: state.staysMapped, state.size, reserves: false)
            kept?.read(state.written.filter { $0 < state.staysMapped })
        }
    }

    deinit { try? file.close() }
}

extension Live {
    /// The frames are those that the file's maker saw in its pagemap, mapped is what another process maps, and nothing has
    /// changed.
    @Test(arguments: fileStates) static func framesOfAFile(_ state: FileState) throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(state.size, pages: state.size == oneGiB ? 1 : 16)
            let mount = try TestSupport.HugetlbMount(state.size)
            let made = try MadeFile(state, in: mount)
            let (before, status) = (Traces(pool, made.file), try FileStatus(in: made.file))
            let path = try made.file.pathOnly()
            defer { try? path.close() }
            let placed = try Placed(.file(path))
            #expect(Traces(pool, made.file) == before)
            #expect(placed.frames == [made.frames])
            #expect(placed.isMapped == [state.written.map { $0 < state.staysMapped }])
            let outcome = placed.outcomes[0]
            #expect(outcome.refusal == nil)
            #expect(outcome.file?.device == status.device)
            #expect(outcome.file?.inode == status.inode)
            #expect(outcome.file?.length == state.pages * state.size.bytes)
            #expect(outcome.file?.allocated == UInt64(state.written.count) * state.size.bytes)
            #expect(outcome.file?.pageSize == state.size.bytes)
        }
    }

    /// fallocate(2) can leave a length that is no multiple of the page size, and pages behind the end.
    @Test static func pagesOfStrangeLengths() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            // A length of its own, or that which the allocation gives; what is allocated; how many pages that is.
            let states: [(length: Int64?, allocated: Range<UInt64>, pages: Int)] = [
                (nil, 0..<1 << 20, 1), (nil, 0..<3 << 20, 2), (0, 0..<4 << 20, 2), (2 << 20, 2 << 20..<8 << 20, 3),
            ]
            for (length, allocated, pages) in states {
                let file = try Linux.hugeMemfd(twoMiB)
                defer { try? file.close() }
                if let length { try file.resize(to: length) }
                try Linux.allocate(allocated, of: file, keepsLength: length != nil)
                let before = Traces(pool, file)
                let placed = try Placed(.file(file))
                #expect(Traces(pool, file) == before)
                // Where the kernel maps nothing behind the end, it is said that pages were missed.
                let isComplete = placed.frames[0].count == pages
                #expect(isComplete == (placed.outcomes[0].refusal == nil))
                #expect(placed.outcomes[0].file?.allocated == UInt64(pages) << 21)
                // Once the file is long enough, its maker sees the same frames.
                try file.resize(to: 8 << 20)
                let own = try OwnPages(file, count: 4, twoMiB, reserves: false)
                let written = Array((allocated.lowerBound / twoMiB.bytes..<4).prefix(pages))
                own.read(written)
                #expect(try own.frames(written).starts(with: placed.frames[0]))
            }
        }
    }

    /// Several files in one go; one that is none and one that is closed stop no other.
    @Test static func oneRefusalStopsNoOther() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            let mount = try TestSupport.HugetlbMount(twoMiB)
            let first = try MadeFile(FileState("first", .sealedMemfd, pages: 2, written: [1]), in: mount)
            let last = try MadeFile(FileState("last", pages: 3, written: [0, 2]), in: mount)
            let folder = try FileDescriptor.open(FilePath(mount.folder), .readOnly, options: .closeOnExec)
            let other = try FileDescriptor.open("/proc/self/exe", .readOnly, options: .closeOnExec)
            defer { for file in [folder, other] { try? file.close() } }
            let before = Traces(pool)
            let placed = try Placed(
                .file(first.file), .file(folder), .file(other), .file(FileDescriptor(rawValue: 1 << 20)),
                .filesystem(folder), .filesystem(other), .file(last.file))
            #expect(Traces(pool) == before)
            #expect(placed.frames == [first.frames, [], [], [], [], [], last.frames])
            #expect(placed.outcomes[4...5].map(\.file?.pageSize) == [twoMiB.bytes, 0])
            #expect(
                placed.outcomes.map { $0.refusal?.description } == [
                    nil, "it is no regular file", "it is no file of huge pages", "fstatfs: Bad file descriptor", nil,
                    nil,
                    nil,
                ])
        }
    }

    /// A file of 8 EiB with one page at either end: what can be found is, and the rest is said to be missing.
    @Test static func endlessFiles() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            let file = try Linux.hugeMemfd(twoMiB)
            defer { try? file.close() }
            let length = UInt64(Int64.max) / twoMiB.bytes * twoMiB.bytes
            try file.resize(to: Int64(length))
            try Linux.allocate(0..<twoMiB.bytes, of: file)
            try Linux.allocate(length - twoMiB.bytes..<length, of: file)
            let before = Traces(pool, file)

            let cut = try Placed(.file(file), by: PlacingChild(mostProbes: 1000))
            #expect(cut.frames[0].count == 1)
            #expect(cut.outcomes[0].file?.length == length)
            #expect(cut.outcomes[0].refusal?.description == "it is too long to look at all of it")

            let late = try Placed(.file(file), .file(file), by: PlacingChild(mostProbes: .max, limit: .zero))
            #expect(
                late.outcomes.map { $0.refusal?.what } == [
                    "it was not done within 0.0 seconds", "it was not done within 0.0 seconds",
                ])

            // One that takes too long does not keep the next from its turn.
            let hasty = try Placed(
                .file(file), .file(FileDescriptor(rawValue: 1 << 20)),
                by: PlacingChild(mostProbes: .max, patience: .seconds(1)))
            #expect(
                hasty.outcomes.map { $0.refusal?.description } == [
                    "it was not done within 1.0 seconds", "fstatfs: Bad file descriptor",
                ])

            // Killed between its first page and its last, which it would reach in months.
            let killed = try Placed(.file(file), by: PlacingChild(mostProbes: .max, limit: .seconds(600))) { _ in
                try endPlacingChild()
            }
            #expect(killed.frames == cut.frames)
            #expect(killed.outcomes[0].refusal?.description == "the process that looks was ended: Killed")
            #expect(Traces(pool, file) == before)
        }
    }

    /// Kills the child of ours that looks at files.
    private static func endPlacingChild() throws {
        var buffer: [UInt8] = []
        for process in try KernelRoot.live.processes() {
            guard let status = try? KernelRoot.live.status("\(process)", buffer: &buffer),
                status.parent == PID(getpid()), KernelRoot.live.name(of: process) == ForeignText("hugeaudit-place")
            else { continue }
            kill(process.rawValue, SIGKILL)
        }
    }
}
