internal import CKernel
import Glibc
import Observations
import SystemPackage

/// `/proc/PID/fd` and `/proc/PID/map_files`: what a process has open or mapped, as links that lead to the very file.
/// Of the live machine only. Source: kernel `Documentation/filesystems/proc.rst`, `fs/proc/fd.c`, `fs/proc/base.c`.
extension KernelRoot {
    /// Calls `body` with the number of each open descriptor and what it leads to. Nothing is opened. Descriptors that
    /// are closed meanwhile are left out.
    ///
    /// - Parameter process: its folder below `proc`: `12`, or `12/task/13` for one thread.
    /// - Throws: where the process refuses or has ended; at the end, where it refused a single descriptor.
    func forEachDescriptor(
        of process: String, _ body: (Int32, FileStatus) throws(KernelFileError) -> Void
    ) throws(KernelFileError) {
        let path = path("proc/\(process)/fd")
        guard let stream = path.withPlatformString({ opendir($0) }) else {
            throw KernelFileError("list", path, Errno.last)
        }
        defer { closedir(stream) }
        let folder = FileDescriptor(rawValue: dirfd(stream))
        var refusal: KernelFileError?
        while let entry = readdir(stream) {
            let found = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { look(at: $0, in: folder) }
            }
            guard let (number, status) = found else { continue }
            switch status {
            case .success(let status): try body(number, status)
            // The process refuses its links, too. A file alone can refuse, for its server; hugetlbfs has none.
            case .failure(let answer) where answer == .permissionDenied || answer == .notPermitted:
                if refusal == nil, (try? link(ofDescriptor: number, of: process)) == nil {
                    refusal = KernelFileError("look at", path.appending("\(number)"), answer)
                }
            case .failure: break
            }
        }
        if let refusal { throw refusal }
    }

    /// Nil for `.`, `..` and any other name that is no number.
    private func look(
        at name: UnsafePointer<CChar>, in folder: FileDescriptor
    ) -> (Int32, Result<FileStatus, Errno>)? {
        let digits = UnsafeBufferPointer(start: name, count: strlen(name)).lazy.map { UInt8(bitPattern: $0) }
        guard let number = Int32(digits: digits) else { return nil }
        return (
            number,
            Result { () throws(Errno) in try FileStatus(of: name, in: folder, followsLinks: true) }
        )
    }

    /// Where a descriptor leads, in the kernel's words: `/memfd:NAME (deleted)`, `pipe:[151638]`. A path is one in
    /// the mount namespace of the process that made it.
    func link(ofDescriptor descriptor: Int32, of process: String) throws(KernelFileError) -> ForeignText {
        try link("proc/\(process)/fd/\(descriptor)")
    }

    /// An O_PATH descriptor of the file behind a descriptor: it is not opened, whatever it is. The caller closes it.
    func openPath(toDescriptor descriptor: Int32, of process: String) throws(KernelFileError) -> FileDescriptor {
        try openPath("proc/\(process)/fd/\(descriptor)")
    }

    /// The same for the file behind a mapping, also where no descriptor leads to it: System V segments, anonymous
    /// shared memory. Needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE.
    /// - Parameter addresses: the whole mapping, as `/proc/PID/maps` has it.
    func openPath(toMapping addresses: Range<UInt64>, of process: String) throws(KernelFileError) -> FileDescriptor {
        let (start, end) = (String(addresses.lowerBound, radix: 16), String(addresses.upperBound, radix: 16))
        return try openPath("proc/\(process)/map_files/\(start)-\(end)")
    }

    private func openPath(_ relative: String) throws(KernelFileError) -> FileDescriptor {
        let path = path(relative)
        let descriptor = path.withPlatformString { cdescriptors_open_path($0) }
        if descriptor < 0 { throw KernelFileError("open", path, Errno.last) }
        return FileDescriptor(rawValue: descriptor)
    }
}
