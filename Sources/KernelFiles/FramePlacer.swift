internal import CKernel
import Observations
import PageModel
import SystemPackage

/// Finds the frames of hugetlb files that nobody need map, without a change to what anybody keeps: `cplace.h` says how. A
/// child process does it, so that nothing is left behind whatever becomes of it or of us.
struct FramePlacer {
    enum Source {
        /// A regular file on hugetlbfs. O_PATH is enough; to be kept open until the outcome is there.
        case file(FileDescriptor)
        /// A System V segment by its id in an IPC namespace, nil for our own. It must have a page: see `cplace.h`. One that
        /// proves not to be of huge pages is refused, but its times and last user have changed.
        case segment(id: Int32, namespace: FileDescriptor?)
        /// The filesystem that the descriptor leads to, whatever it is: only its page size is asked for.
        case filesystem(FileDescriptor)
    }

    enum Page: Hashable {
        /// In the file's page cache, and no longer mapped by the child: if its flags say mapped, somebody else maps it.
        case frame(PFN)
        /// Lost to a memory error. Kernels before 5.14 show it as a hole.
        case poisoned
    }

    /// What fstat(2) says of a file, before it is looked into; of a filesystem its page size alone. Lengths in bytes.
    struct File: Hashable {
        var device = DeviceNumber(major: 0, minor: 0)
        /// Of a segment its id.
        var inode: UInt64 = 0
        var length: UInt64 = 0
        var allocated: UInt64 = 0
        /// 0 where it lies on no hugetlbfs.
        var pageSize: UInt64 = 0
    }

    struct Outcome: Hashable {
        /// Nil where it was refused before that.
        var file: File?
        /// Why not every page was found; nil where all were.
        var refusal: PlacingChild.Refusal?
    }

    var child = PlacingChild()

    /// The outcomes in the order of the sources.
    /// - Parameter body: gets each page, in the order of the sources and of their pages, and the index of its source.
    func place(_ sources: [Source], each body: (_ source: Int, _ page: Page) -> Void) -> [Outcome] {
        var files = [File?](repeating: nil, count: sources.count)
        let refusals = child.run(sources.map(\.job)) { record in
            let index = Int(record.job)
            switch cplace_kind(record.kind) {
            case CPLACE_FRAME: body(index, .frame(PFN(record.value)))
            case CPLACE_POISONED: body(index, .poisoned)
            default: files[index] = (files[index] ?? File()).adding(record)
            }
        }
        return zip(files, refusals).map(Outcome.init)
    }

    /// `/proc/sysvipc/shm` of another IPC namespace.
    /// - Parameter namespace: a descriptor of `/proc/PID/ns/ipc`.
    static func sharedMemoryTable(
        in namespace: FileDescriptor, by child: PlacingChild = PlacingChild()
    ) throws(KernelFileError) -> [UInt8] {
        var table: [UInt8] = []
        let job = cplace_job(source: CPLACE_SEGMENT_TABLE, id: 0, ipc_namespace: namespace.rawValue)
        let refusal = child.run([job]) { record in table += record.text }[0]
        if let refusal {
            let (action, path) = ("read, in another IPC namespace", FilePath("/proc/sysvipc/shm"))
            guard let errno = refusal.errno else {
                throw KernelFileError("\(action),", path, unanswered: refusal.what)
            }
            throw KernelFileError("\(action) (\(refusal.what)),", path, errno)
        }
        return table
    }
}

extension FramePlacer.Source {
    fileprivate var job: cplace_job {
        switch self {
        case .file(let file): cplace_job(source: CPLACE_FILE, id: file.rawValue, ipc_namespace: -1)
        case .filesystem(let file): cplace_job(source: CPLACE_FILESYSTEM, id: file.rawValue, ipc_namespace: -1)
        case .segment(let id, let namespace):
            cplace_job(source: CPLACE_SEGMENT, id: id, ipc_namespace: namespace?.rawValue ?? -1)
        }
    }
}

extension FramePlacer.File {
    fileprivate func adding(_ record: cplace_record) -> Self {
        var file = self
        switch cplace_kind(record.kind) {
        case CPLACE_DEVICE:
            file.device = DeviceNumber(
                major: UInt32(record.value >> 32), minor: UInt32(truncatingIfNeeded: record.value))
        case CPLACE_INODE: file.inode = record.value
        case CPLACE_LENGTH: file.length = record.value
        case CPLACE_ALLOCATED: file.allocated = record.value
        case CPLACE_PAGE_SIZE: file.pageSize = record.value
        default: break
        }
        return file
    }
}
