import Observations
import PageModel

/// One line of `/proc/sysvipc/shm`: a System V segment of the reader's IPC namespace. Nothing in it says whether the
/// segment is of huge pages. Source: kernel `ipc/shm.c`, `sysvipc_shm_proc_show`; shmctl(2).
struct SharedMemorySegment: Hashable {
    /// As given to shmget(2); 0 for IPC_PRIVATE, and once the segment is marked for destruction.
    let key: Int32
    let id: Int32
    /// Unit: bytes, as asked for: not rounded to pages.
    let length: UInt64
    let creator: PID
    let lastUser: PID
    /// Mappings of it in all namespaces.
    let attached: UInt64
    let owner: UInt32
    /// When it was made or its owner changed. Unit: seconds since 1970.
    let changedAt: Double
    /// As printed; see `hugePages(of:base:release:)`. Unit: bytes.
    let rss: UInt64

    /// - Parameter line: any but the first, without its newline.
    init(parsing line: TextLine) throws(FormatError) {
        let words = line.words
        guard words.count >= 16, let key = Int32(signed: words[0]), let id = Int32(digits: words[1]),
            UInt32(digits: words[2], radix: 8) != nil, let length = UInt64(digits: words[3]),
            let creator = Int32(digits: words[4]), let lastUser = Int32(digits: words[5]),
            let attached = UInt64(digits: words[6]), let owner = UInt32(digits: words[7]),
            let changedAt = UInt64(digits: words[13]), let rss = UInt64(digits: words[14])
        else { throw line.error(expected: "the 16 fields of a segment, from key to swap") }
        (self.key, self.id, self.length) = (key, id, length)
        (self.creator, self.lastUser, self.attached) = (PID(creator), PID(lastUser), attached)
        (self.owner, self.changedAt, self.rss) = (owner, Double(changedAt), rss)
    }

    /// What `rss` says if the segment is of huge pages of `size`, which it never tells: for a segment that cannot be
    /// looked at. Nil where it cannot be one, as `rss` is no number of such pages. Never more than the segment is
    /// long.
    ///
    /// From 6.7 on the kernel multiplies a count of base pages by the base pages of a huge page, so that a segment of
    /// two pages of 2 MiB has an `rss` of 2 GiB. What is longer than the segment, or such a product on a kernel that
    /// makes them, is divided. An ordinary segment can look the same.
    ///
    /// - Parameter release: nil where it is not known.
    func hugePages(of size: PageSize, base: PageSize, release: KernelRelease?) -> UInt64? {
        guard rss % size.bytes == 0 else { return nil }
        let most = length / size.bytes + (length % size.bytes == 0 ? 0 : 1)
        let pages = rss / size.bytes
        let factor = size.count(of: base)
        let isProduct = release.map { $0 >= KernelRelease(6, 7) } ?? false && pages % factor == 0
        return min(isProduct || pages > most ? pages / factor : pages, most)
    }

    /// A line of the whole file: the first has the names of the fields, each other is a segment.
    static func parse(_ line: TextLine, each body: (Self) -> Void) throws(FormatError) {
        if line.number > 1 { return body(try Self(parsing: line)) }
        guard line.words.starts(with: ["key", "shmid"].map { Array($0.utf8)[...] }) else {
            throw line.error(expected: "the names of the fields, from key to swap")
        }
    }
}

extension KernelRoot {
    /// All segments of the audit's own IPC namespace.
    func sharedMemorySegments(each body: (SharedMemorySegment) -> Void) throws(KernelFileError) {
        try lines(of: "proc/sysvipc/shm") { line throws(FormatError) in
            try SharedMemorySegment.parse(line, each: body)
        }
    }
}

extension Int32 {
    /// Digits, with a minus sign before them or none.
    fileprivate init?(signed text: ArraySlice<UInt8>) {
        let isNegative = text.first == UInt8(ascii: "-")
        guard let value = Int64(digits: isNegative ? text.dropFirst() : text) else { return nil }
        self.init(exactly: isNegative ? -value : value)
    }
}
