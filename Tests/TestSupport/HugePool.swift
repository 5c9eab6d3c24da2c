import Foundation
public import PageModel

/// The live pool of one page size, made as large as a test needs and put back when this object goes.
public final class HugePool {
    public let size: PageSize
    private let before: String
    private let overcommitBefore: String

    /// Throws `Holder.Unavailable` where the kernel has not so many pages to give.
    public init(_ size: PageSize, pages: UInt64) throws {
        self.size = size
        before = try content(Self.folder(size) + "nr_hugepages")
        overcommitBefore = (try? content(Self.folder(size) + "nr_overcommit_hugepages")) ?? "0"
        set("nr_hugepages", "\(pages)")
        if count("nr_hugepages") < pages {
            // Memory may only be scattered: let go of what is cached, move the rest together, and ask once more.
            sync()
            for (file, word) in [("drop_caches", "3"), ("compact_memory", "1")] {
                try? word.write(toFile: "/proc/sys/vm/\(file)", atomically: false, encoding: .utf8)
            }
            set("nr_hugepages", "\(pages)")
        }
        guard count("nr_hugepages") == pages else {
            throw Holder.Unavailable(
                description:
                    "the \(size) pool has \(count("nr_hugepages")) pages, not \(pages): memory is short or in use")
        }
        // What a test before kept may come back only now: IPC namespaces end a moment after their last process.
        for _ in 0..<200 where count("free_hugepages") < pages { usleep(10_000) }
    }

    deinit {
        set("nr_overcommit_hugepages", overcommitBefore)
        set("nr_hugepages", before)
    }

    /// A machine-wide counter of this size, by its file's name.
    public func count(_ counter: String) -> UInt64 {
        (try? content(Self.folder(size) + counter)).flatMap { UInt64($0) } ?? 0
    }

    public func set(_ counter: String, _ value: String) {
        try? value.write(toFile: Self.folder(size) + counter, atomically: false, encoding: .utf8)
    }

    /// Pages in the pools of every size: this machine may have some of a size that no test asked for.
    public static var pagesOfAllSizes: UInt64 {
        let folder = "/sys/kernel/mm/hugepages"
        let sizes = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return sizes.reduce(0) { $0 + ((try? content("\(folder)/\($1)/nr_hugepages")).flatMap { UInt64($0) } ?? 0) }
    }

    private static func folder(_ size: PageSize) -> String {
        "/sys/kernel/mm/hugepages/hugepages-\(size.bytes / 1024)kB/"
    }
}

/// A hugetlbfs mount of one page size in a folder of its own, unmounted when this object goes.
public final class HugetlbMount {
    public let folder = temporaryPath("mount")

    /// - Parameter options: further ones, as mount takes them: `min_size=16M`, `uid=65534`.
    public init(_ size: PageSize, options: String...) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let options = (["pagesize=\(size.bytes)"] + options).joined(separator: ",")
        let mount = try run("/bin/mount", ["-t", "hugetlbfs", "-o", options, "none", folder])
        guard mount.status == 0 else { throw Holder.Unavailable(description: mount.errors) }
    }

    deinit {
        _ = try? run("/bin/umount", [folder])
        try? FileManager.default.removeItem(atPath: folder)
    }
}
