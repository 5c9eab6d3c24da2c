import KernelFiles
import Observations
import SystemPackage
import Testing

@testable import KernelFiles

private let root = "Run as root, or grant CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN and CAP_SYS_PTRACE"

private let again = "Audit again; if it stays, report it with the kernel's version and hugeaudit's"

private let errors: [(KernelFileError, String)] = [
    (
        KernelFileError("open", "/proc/1/pagemap", Errno.permissionDenied),
        "could not open /proc/1/pagemap: Permission denied. \(root)"
    ),
    (
        KernelFileError("open", "/proc/kpageflags", Errno.notPermitted),
        "could not open /proc/kpageflags: Operation not permitted. \(root)"
    ),
    (
        KernelFileError("read word 7 on of", "/proc/9/pagemap", Errno.noSuchProcess),
        "could not read word 7 on of /proc/9/pagemap: No such process. The process has ended; audit again"
    ),
    (KernelFileError("list", "/proc", Errno.ioError), "could not list /proc: Input/output error. \(again)"),
    (
        KernelFileError("/proc/meminfo", FormatError(line: 3, bytes: "Mem\u{1b}[".utf8, expected: "a field")),
        #"could not read /proc/meminfo: line 3 is "Mem\u{1b}[", expected a field."#
            + " Report this with the file, the kernel's version and hugeaudit's"
    ),
    (
        KernelFileError("/mnt/huge", replaced: "something else is there"),
        "could not open /mnt/huge: something else is there. Audit again; if it stays, look at the mounts there"
    ),
]

@Test(arguments: errors) func errorReads(error: KernelFileError, text: String) { #expect(error.description == text) }

@Test func missingFileSaysWhatTheKernelMayLack() {
    let error = KernelFileError("open", "/proc/kpageflags", Errno.noSuchFileOrDirectory)
    #expect(error.reason == "No such file or directory")
    #expect(error.advice.contains("CONFIG_PROC_PAGE_MONITOR"))
}

@Test func pathIsEscaped() {
    let error = KernelFileError("open", "/tmp/a\nb\u{1b}", Errno.ioError)
    #expect(error.description == #"could not open /tmp/a\nb\u{1b}: Input/output error. "# + again)
    #expect(error.foreignPath == ForeignText("/tmp/a\nb\u{1b}"))
}

@Test func errorOfAnotherKindIsInputOutput() {
    struct Other: Error {}
    #expect(KernelFileError("read", "/x", Other()).problem == .system(action: "read", .ioError))
}

@Test func longLineIsCut() {
    let error = FormatError(line: 1, bytes: [UInt8](repeating: UInt8(ascii: "x"), count: 2 << 20), expected: "less")
    #expect(error.text.count == 80)
}

@Test func realFailuresNameThePath() throws {
    let tree = try ScratchTree(folders: ["proc/meminfo"])
    let directory = tree.root.directory
    let failures: [(KernelFileError?, String, Errno)] = [
        (fileError { () throws(KernelFileError) in try tree.root.meminfo() }, "read", .isDirectory),
        (fileError { () throws(KernelFileError) in try tree.root.zoneinfo() }, "open", .noSuchFileOrDirectory),
        (fileError { () throws(KernelFileError) in try tree.root.hugepageSizes() }, "list", .noSuchFileOrDirectory),
        (fileError { () throws(KernelFileError) in _ = try tree.root.kpageflags() }, "open", .noSuchFileOrDirectory),
    ]
    let paths = ["proc/meminfo", "proc/zoneinfo", "sys/kernel/mm/hugepages", "proc/kpageflags"]
    for ((error, action, errno), path) in zip(failures, paths) {
        #expect(error?.problem == .system(action: action, errno))
        #expect(error?.path == directory.appending(path))
    }
}
