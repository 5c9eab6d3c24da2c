import CStates
import Glibc
import KernelFiles
import Observations
import PageModel
import SystemPackage
import Testing

@testable import KernelFiles

/// A line of 6.18. What is between the parentheses is the process's own choice.
private func stat(_ name: String, state: String = "S", start: String = "9054", cpu: String = "17") -> String {
    "7 (\(name)) \(state) 1 7 7 0 -1 4194560 2182 0 0 0 3 4 0 0 20 0 1 0 \(start) 3133440 410 18446744073709551615 1 2 3 4 5 "
        + "0 0 0 0 0 0 0 17 \(cpu) 0 0 0 0 0 6 7 8 9 10 11 12 0\n"
}

private let names = ["db", "", "a b", "a) S 1 2 3", "((", "))", ") R 1 (", "\n", "a\nb) Z 0", "\u{1b}[2J", "é"]

@Test(arguments: names) func fieldsAfterAnyName(name: String) throws {
    let stat = try ThreadStat(parsing: bytes(stat(name)))
    #expect((stat.startTime, stat.lastCPU, stat.hasEnded) == (9054, 17, false))
}

@Test(arguments: ["R", "S", "D", "T", "t", "I", "P"]) func thread(lives state: String) throws {
    #expect(try !ThreadStat(parsing: bytes(stat("x", state: state))).hasEnded)
}

@Test(arguments: ["Z", "X"]) func thread(hasEnded state: String) throws {
    #expect(try ThreadStat(parsing: bytes(stat("x", state: state))).hasEnded)
}

private let refused = [
    "", "\n", ")", "7 (x) S", "7 x S 1 2", stat("x", start: "-1"), stat("x", cpu: "-1"),
    stat("x", cpu: "18446744073709551616"),
    String(stat("x").prefix(120)), stat("x") + ")",
]

@Test(arguments: refused) func statRefuses(text: String) throws {
    let error = try #require(formatError { () throws(FormatError) in try ThreadStat(parsing: bytes(text)) })
    #expect((error.line, error.expected) == (1, "PID (NAME) STATE and at least 36 fields more"))
}

@Test func liveStat() throws {
    let own = PID(getpid())
    let id = states_begin_thread(3, -1)
    defer { states_end_thread(3) }
    let thread = PID(try #require(id > 0 ? id : nil))
    let possible = sysconf(Int32(_SC_NPROCESSORS_CONF))
    var buffer: [UInt8] = []
    #expect(try (0..<possible).contains(KernelRoot.live.stat(of: "\(own)/task/\(thread)", buffer: &buffer).lastCPU))
    let start = try KernelRoot.live.startTime(of: own)
    #expect(start > 0 && start <= UInt64(secondsSinceBoot()) * UInt64(sysconf(Int32(_SC_CLK_TCK))))
    let range = try KernelRoot.live.range(of: own)
    #expect(range.cpusLastUsed.values.reduce(0, +) >= 2)
    #expect(Set(range.cpusLastUsed.keys).isSubset(of: 0..<possible))
    #expect(!range.cpusAllowed.isEmpty && range.devices.isEmpty)
}

/// Whole seconds since boot, rounded up.
private func secondsSinceBoot() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return time.tv_sec + 1
}

@Test func processThatHasEndedHasNoRange() {
    let nobody = PID(4_194_305)  // above PID_MAX_LIMIT
    let root = KernelRoot.live
    let errors = [
        fileError { () throws(KernelFileError) in try root.range(of: nobody) },
        fileError { () throws(KernelFileError) in try root.startTime(of: nobody) },
    ]
    for error in errors { #expect(error?.isEnd == true) }
}

private func status(cpus: String, nodes: String) -> [UInt8] {
    bytes("Name:\tx\nCpus_allowed_list:\t\(cpus)\nMems_allowed_list:\t\(nodes)\n")
}

@Test func rangeIsThatOfAllThreadsThatLive() throws {
    let tree = try ScratchTree([
        "proc/7/task/7/stat": bytes(stat("x", cpu: "4")), "proc/7/task/7/status": status(cpus: "4-5", nodes: "1"),
        "proc/7/task/8/stat": bytes(stat("y) Z", cpu: "4")), "proc/7/task/8/status": status(cpus: "4-5", nodes: "1"),
        "proc/7/task/9/stat": bytes(stat("z", cpu: "0")), "proc/7/task/9/status": status(cpus: "0,5", nodes: "0-1"),
        // One that ended and was not fetched, one that vanished between two reads, one that had vanished before.
        "proc/7/task/10/stat": bytes(stat("z", state: "Z", cpu: "9")),
        "proc/7/task/10/status": status(cpus: "9", nodes: "9"),
        "proc/7/task/11/stat": bytes(stat("z", cpu: "3")),
    ])
    try tree.make("proc/7/task/12")
    let range = try tree.root.range(of: PID(7))
    #expect(range.cpusAllowed == [0, 4, 5])
    #expect(range.nodesAllowed == [NodeID(0), NodeID(1)])
    #expect(range.cpusLastUsed == [0: 1, 3: 1, 4: 2])
}

@Test func manyThreadsAreAllRead() throws {
    let tree = try ScratchTree()
    for thread in 1...1500 {
        try tree.write("proc/7/task/\(thread)/stat", bytes(stat("x", cpu: "\(thread % 3)")))
        try tree.write("proc/7/task/\(thread)/status", status(cpus: "\(thread)", nodes: "0"))
    }
    let range = try tree.root.range(of: PID(7))
    #expect(range.cpusLastUsed == [0: 500, 1: 500, 2: 500])
    #expect(range.cpusAllowed == Array(1...1500))
}

@Test(arguments: ["stat", "status"]) func malformedThreadIsNoThreadThatEnded(file: String) throws {
    let tree = try ScratchTree([
        "proc/7/task/7/stat": bytes(stat("x")), "proc/7/task/7/status": status(cpus: "1", nodes: "1"),
    ])
    try tree.write("proc/7/task/7/\(file)", bytes("Cpus_allowed_list:\tx\n"))
    let error = try #require(fileError { () throws(KernelFileError) in try tree.root.range(of: PID(7)) })
    #expect(error.path == tree.root.path("proc/7/task/7/\(file)"))
    guard case .malformed = error.problem else { throw error }
}
