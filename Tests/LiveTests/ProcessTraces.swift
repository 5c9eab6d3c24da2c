import Foundation
import PageModel
import TestSupport
import Testing

/// What `hugeaudit process` asks of the kernel, by strace.
extension Live {
    private static let opens = ["open", "openat", "openat2"]

    /// The paths of the files that were opened.
    private static func opened(_ arguments: [String]) throws -> [String] {
        let calls = try SystemCalls(opens, of: product("hugeaudit"), ["process"] + arguments)
        #expect((0...3).contains(calls.outcome.status), "\(calls.outcome.errors)")
        return calls.calls.compactMap(\.opened)
    }

    /// Nodes come from numa_maps alone.
    @Test static func withoutFramesNoneAreOpened() throws {
        try skippingWhatCannotBeHad {
            let holder = try Holder(["private", "--memory", "base", "--pages", "16"])
            let pid = holder.pids[0]
            let frames = ["/proc/kpageflags", "/proc/kpagecount", "/proc/\(pid)/pagemap"]
            let quick = try opened(["\(pid)", "--no-classify"])
            #expect(quick.contains("/proc/\(pid)/numa_maps"))
            #expect(quick.allSatisfy { path in !frames.contains(path) && !path.hasSuffix("/pagemap") })
            let full = try opened(["\(pid)"])
            #expect(Set(full).isSuperset(of: frames))
            #expect(!full.contains("/proc/\(pid)/mem"))
        }
    }

    /// To print smaps the kernel walks all that is in RAM and holds the process's lock: above 1 GiB that is for who asks.
    @Test static func smapsOfALargeProcessIsNotRead() throws {
        try skippingWhatCannotBeHad {
            let settings = try MachineChange.settings([("/sys/kernel/mm/transparent_hugepage/enabled", "madvise")])
            defer { settings.undo() }
            for (bytes, isRead) in [(1_275_068_416, false), (64 << 20, true)] {
                let holder = try Holder(["big", "--thp", "\(bytes)", "--base", "4096"])
                defer { holder.stop() }
                let pid = holder.pids[0]
                #expect(try opened(["\(pid)"]).contains("/proc/\(pid)/smaps") == isRead)
                #expect(try opened(["\(pid)", "--smaps"]).contains("/proc/\(pid)/smaps"))
                #expect(try !opened(["\(pid)", "--gentle"]).contains("/proc/\(pid)/smaps"))
                let report = try LiveProcess(pid).report
                let part = try #require(holder.ready.parts["thp"])
                let mapping = try #require(report.mappings?.first { $0.first == part.lowerBound })
                #expect(mapping.residentBytes == bytes)
                #expect(mapping.transparent?.eligibility == (isRead ? "eligible" : "unknown"))
                let asked = try LiveProcess(pid, "--smaps").report.mappings?.first { $0.first == part.lowerBound }
                #expect(asked?.transparent?.eligibility == "eligible")
            }
        }
    }

    /// The process waits with mmap while its page tables are read: never for more than 2 MiB of words, 1 GiB of addresses.
    /// The flags of frames are read in no larger pieces, and smaps, which the kernel writes in one go, not at all.
    @Test(arguments: [[], ["--flags"], ["--gentle"]]) static func readsOfPageTablesAreShort(_ more: [String]) throws {
        try skippingWhatCannotBeHad {
            let holder = try Holder(["dense-space", "--pages", "393216"])  // 1.5 GiB
            let pid = holder.pids[0]
            let reads = ["pread64", "read", "readv", "preadv", "preadv2", "mmap"]
            let calls = try SystemCalls(reads + opens, of: product("hugeaudit"), ["process", "\(pid)"] + more)
            #expect([0, 1].contains(calls.outcome.status), "\(calls.outcome.errors)")
            for path in ["/proc/\(pid)/pagemap", "/proc/kpageflags"] {
                let ofFile = calls.calls.filter { reads.contains($0.name) && $0.text.contains("<\(path)>") }
                #expect(ofFile.count > 10 && ofFile.allSatisfy { $0.name == "pread64" }, "\(path)")
                for call in ofFile { #expect(length(call) ?? .max <= 2 << 20, "\(call.text.suffix(80))") }
            }
            #expect(calls.calls.contains { $0.opened == "/proc/\(pid)/status" })
            #expect(!calls.calls.contains { $0.opened?.hasPrefix("/proc/\(pid)/smaps") ?? false })
        }
    }

    /// After each scan of page tables, and each read of more than one word of them, it lets the process go on.
    @Test(arguments: [["process"], ["track", "--count", "2", "--interval", "10ms"]])
    static func gentleReadsOfPageTablesHaveRests(_ command: [String]) throws {
        try skippingWhatCannotBeHad {
            let holder = try Holder(["dense-space", "--pages", "393216"])
            let pid = holder.pids[0]
            let rests = ["nanosleep", "clock_nanosleep"]
            let calls = try SystemCalls(
                ["pread64", "ioctl"] + rests, of: product("hugeaudit"), command + ["\(pid)", "--gentle"])
            #expect([0, 1].contains(calls.outcome.status), "\(calls.outcome.errors)")
            let looks = calls.calls.filter { call in
                if rests.contains(call.name) { return true }
                // A kernel that cannot scan refuses at once.
                if call.name == "ioctl", call.text.contains(" = -1 ") { return false }
                return call.text.contains("</proc/\(pid)/pagemap>") && length(call) ?? .max > 8
            }
            let reads = looks.count { !rests.contains($0.name) }
            #expect(looks.count { $0.name == "pread64" } > 10)
            #expect(looks.count - reads >= reads - 1)
            for (call, next) in zip(looks, looks.dropFirst()) where !rests.contains(call.name) {
                #expect(rests.contains(next.name), "\(call.text.suffix(80)) and then \(next.text.suffix(80))")
            }
        }
    }

    /// How many bytes pread asks for; nil of other calls.
    private static func length(_ call: SystemCalls.Call) -> Int? {
        guard call.name == "pread64" else { return nil }
        return call.text.components(separatedBy: ", ").suffix(2).first.flatMap { Int($0) }
    }

    /// No file is opened to be written, no process is stopped, sent a signal or changed, and none of its memory is written.
    /// libnuma tries policies on the tool itself when it starts.
    @Test static func processesAreOnlyRead() throws {
        try skippingWhatCannotBeHad {
            let mixture = try Mixture(["hugetlb-private", "thp", "base", "file", "shm"])
            let changing = [
                "ptrace", "process_vm_writev", "process_madvise", "kill", "tgkill", "tkill", "pidfd_send_signal",
                "pidfd_open", "migrate_pages", "mbind", "setpriority", "sched_setaffinity", "mount",
                "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "truncate", "ftruncate",
                "move_pages", "creat", "memfd_create",
            ]
            let calls = try SystemCalls(
                opens + changing, of: product("hugeaudit"),
                ["process", "\(mixture.pid)", "--inspect-content", "--flags", "--smaps"])
            #expect(calls.outcome.status == 0, "\(calls.outcome.output)")
            #expect(calls.calls.contains { $0.opened == "/proc/\(mixture.pid)/mem" })
            for call in calls.calls {
                if opens.contains(call.name) {
                    let isWriting = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"].contains {
                        call.text.contains($0)
                    }
                    #expect(!isWriting, "\(call.text)")
                } else {
                    // move_pages without nodes to move to only asks where pages are.
                    #expect(call.name == "move_pages" && call.text.contains(", NULL, ["), "\(call.text)")
                }
            }
        }
    }
}
