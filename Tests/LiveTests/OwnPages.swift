import Foundation
import PageModel
import SystemPackage
import TestSupport
import Testing

@testable import KernelFiles

/// Calls that the Glibc module does not show.
enum Linux {
    private static func function<Function>(_ name: String, _: Function.Type) -> Function {
        unsafeBitCast(dlsym(nil, name), to: Function.self)
    }

    /// A memfd of huge pages that may be sealed.
    static func hugeMemfd(_ size: PageSize) throws -> FileDescriptor {
        let create = function("memfd_create", (@convention(c) (UnsafePointer<CChar>, UInt32) -> Int32).self)
        let (allowSealing, hugetlb) = (UInt32(2), UInt32(4))
        let answer = create("placed", allowSealing | hugetlb | UInt32(size.bytes.trailingZeroBitCount) << 26)
        guard answer >= 0 else { throw Holder.Unavailable(description: "memfd_create: \(Errno(rawValue: errno))") }
        return FileDescriptor(rawValue: answer)
    }

    /// F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_WRITE.
    static func seal(_ file: FileDescriptor) throws {
        let addSeals: Int32 = 1033
        guard fcntl(file.rawValue, addSeals, 2 | 4 | 8) == 0 else { throw Errno(rawValue: errno) }
    }

    /// Allocates pages of a file.
    static func allocate(_ bytes: Range<UInt64>, of file: FileDescriptor, keepsLength: Bool = false) throws {
        let call = function("fallocate", (@convention(c) (Int32, Int32, Int, Int) -> Int32).self)
        guard call(file.rawValue, keepsLength ? 1 : 0, Int(bytes.lowerBound), bytes.count) == 0 else {
            throw Errno(rawValue: errno)
        }
    }

    fileprivate static func unshareIPC() throws {
        let call = function("unshare", (@convention(c) (Int32) -> Int32).self)
        guard call(0x0800_0000) == 0 else {
            throw Holder.Unavailable(description: "unshare(CLONE_NEWIPC): \(Errno(rawValue: errno))")
        }
    }

    fileprivate static func enter(_ namespace: FileDescriptor) {
        let call = function("setns", (@convention(c) (Int32, Int32) -> Int32).self)
        if call(namespace.rawValue, 0x0800_0000) != 0 { fatalError("this thread is lost in another namespace") }
    }
}

/// A new IPC namespace. The kernel frees what is left in it some time after it has gone.
final class IPCNamespace {
    private static let current: FilePath = "/proc/thread-self/ns/ipc"
    private let home: FileDescriptor
    let descriptor: FileDescriptor

    init() throws {
        let home = try FileDescriptor.open(Self.current, .readOnly, options: .closeOnExec)
        self.home = home
        try Linux.unshareIPC()
        defer { Linux.enter(home) }
        descriptor = try .open(Self.current, .readOnly, options: .closeOnExec)
    }

    deinit { for file in [home, descriptor] { try? file.close() } }

    /// Runs `body` with this thread in the namespace.
    func run<Value>(_ body: () throws -> Value) rethrows -> Value {
        Linux.enter(descriptor)
        defer { Linux.enter(home) }
        return try body()
    }
}

/// A shared mapping of the test's own, whose frames its own pagemap tells: the witness for what the placer finds.
final class OwnPages {
    let size: PageSize
    private let start: UnsafeMutableRawPointer
    private let unmap: (UnsafeMutableRawPointer) -> Void

    /// Of the pages of `file` from `first` on, with or without a reservation of them.
    init(_ file: FileDescriptor, from first: UInt64 = 0, count: UInt64, _ size: PageSize, reserves: Bool) throws {
        let (length, offset) = (Int(count * size.bytes), Int(first * size.bytes))
        let flags = MAP_SHARED | (reserves ? 0 : MAP_NORESERVE)
        let answer = mmap(nil, length, PROT_READ | PROT_WRITE, flags, file.rawValue, offset)
        guard let answer, answer != MAP_FAILED else {
            throw Holder.Unavailable(description: "mmap: \(Errno(rawValue: errno))")
        }
        (self.size, start, unmap) = (size, answer, { munmap($0, length) })
    }

    /// Of a System V segment.
    init(segment: Int32, _ size: PageSize) throws {
        let answer = shmat(segment, nil, 0)
        guard let answer, answer != MAP_FAILED else {
            throw Holder.Unavailable(description: "shmat: \(Errno(rawValue: errno))")
        }
        (self.size, start, unmap) = (size, answer, { shmdt($0) })
    }

    deinit { unmap(start) }

    func write(_ pages: [UInt64]) {
        for page in pages { start.storeBytes(of: 1, toByteOffset: Int(page * size.bytes), as: UInt8.self) }
    }

    func read(_ pages: [UInt64]) {
        for page in pages { _ = start.load(fromByteOffset: Int(page * size.bytes), as: UInt8.self) }
    }

    func frames(_ pages: [UInt64]) throws -> [PFN] {
        let pagemap = try KernelRoot.live.pagemap(of: "self")
        let address = UInt64(UInt(bitPattern: start))
        return try pages.map { page in
            let word = try #require(try pagemap.word(at: (address + page * size.bytes) / 4096))
            guard case .present(let pfn) = PagemapEntry(word: word).location else { throw Errno.noData }
            return pfn
        }
    }
}

/// What a look at a file must leave as it is: the pool's counters, and the file's length, blocks and access time.
struct Traces: Equatable {
    private let counters: [UInt64]
    private let file: [Int]

    init(_ pool: HugePool, _ file: FileDescriptor? = nil) {
        counters = ["nr", "free", "surplus", "resv"].map { pool.count("\($0)_hugepages") }
        var status = stat()
        let isThere = file.map { fstat($0.rawValue, &status) == 0 } ?? false
        self.file = isThere ? [status.st_size, status.st_blocks, status.st_atim.tv_sec, status.st_atim.tv_nsec] : []
    }
}

/// What the placer found, and whether somebody mapped it when it was told of it.
struct Placed {
    private(set) var frames: [[PFN]]
    private(set) var isMapped: [[Bool]]
    let outcomes: [FramePlacer.Outcome]

    init(
        _ sources: FramePlacer.Source..., by child: PlacingChild = PlacingChild(),
        each body: (PFN) throws -> Void = { _ in }
    ) throws {
        var frames = [[PFN]](repeating: [], count: sources.count)
        var isMapped = [[Bool]](repeating: [], count: sources.count)
        let flags = try KernelRoot.live.kpageflags()
        var failure: (any Error)?
        outcomes = FramePlacer(child: child).place(sources) { source, page in
            guard case .frame(let frame) = page else { return }
            do {
                let word = PageFlags(rawValue: try flags.word(at: frame.rawValue) ?? 0)
                #expect(word.isSuperset(of: [.huge, .compoundHead]))
                frames[source].append(frame)
                isMapped[source].append(word.contains(.mmap))
                try body(frame)
            } catch { failure = error }
        }
        if let failure { throw failure }
        (self.frames, self.isMapped) = (frames, isMapped)
    }
}

extension FileDescriptor {
    /// The same file by O_PATH, as the search for holders has it. The caller closes it.
    func pathOnly() throws -> FileDescriptor {
        let path = OpenOptions(rawValue: 0o10_000_000)
        return try .open("/proc/self/fd/\(rawValue)", .readOnly, options: [path, .closeOnExec])
    }
}
