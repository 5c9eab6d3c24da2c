import Foundation
import TestSupport

/// Where one scenario is played: a guest, what it started there, and what turned out not to be true.
final class Stage {
    let guest: Guest
    var kernel: KernelVersion { guest.kernel.version }
    /// A line each, with the line of the scenario that asked.
    private(set) var failures: [String] = []
    /// Looks at processes are among them.
    private(set) var audits = 0
    private var holders: [GuestHolder] = []

    init(_ guest: Guest) { self.guest = guest }

    func expect(_ isTrue: Bool, _ what: @autoclosure () -> String, line: Int = #line, file: String = #fileID) {
        if !isTrue { failures.append("\(file):\(line): \(what())") }
    }

    /// Runs a text of sh, which must succeed.
    @discardableResult
    func shell(_ text: String, line: Int = #line, file: String = #fileID) throws -> String {
        let answer = try guest.order(text)
        expect(answer.status == 0, "\(text): status \(answer.status): \(answer.output)", line: line, file: file)
        return answer.output.trimmingCharacters(in: .newlines)
    }

    /// How large the pools are made, by node.
    func setPools(_ pages: [Int: UInt64], of pageSize: UInt64 = twoMiB) throws {
        let folder = "hugepages/hugepages-\(pageSize >> 10)kB"
        try shell(
            pages.sorted { $0.key < $1.key }.map { node, pages in
                "echo \(pages) >/sys/devices/system/node/node\(node)/\(folder)/nr_hugepages"
            }.joined(separator: "\n"))
    }

    /// A hugetlbfs at /huge until the scenario is over.
    func mount(_ options: String = "pagesize=2M") throws {
        try shell("mkdir -p /huge; mount -t hugetlbfs -o \(options) none /huge")
    }

    /// Starts `holder` with these arguments.
    /// - Parameters:
    ///   - root: the folder that is `/` for it.
    ///   - cgroup: the folder of the cgroup that it is in.
    ///   - path: of a file that it has open.
    ///   - cpu: where its first pages are; that of all later ones is for `--cpu` to say.
    /// - Throws: `Skip` where this kernel cannot have the state.
    func hold(
        _ arguments: String, root: String = "", cgroup: String? = nil, open path: String? = nil,
        startingOn cpu: Int? = nil
    ) throws -> GuestHolder {
        let name = "holder\(holders.count)"
        let move = cgroup.map { "echo $$ >\($0)/cgroup.procs\n" } ?? ""
        // Not in the shell itself: a terminal would become that of its session, and hang up at its end.
        let open = path.map { "exec 9<>\($0)\n" } ?? ""
        let start = cpu.map { "taskset -p \(String(1 << $0, radix: 16)) $$ >/dev/null\n" } ?? ""
        let order = "\(move)\(start)ROOT=\(root)\n(\(open)hold \(name) \(arguments))"
        let answer = try guest.order(order, seconds: 240)
        guard answer.status == 0, let ready = ReadyLine(answer.output) else { throw refusal(arguments, answer) }
        let holder = GuestHolder(name: name, ready: ready, stage: self)
        holders.append(holder)
        return holder
    }

    /// Why a holder did not come into its state. Want of pages is no property of a kernel: the scenario made the pools.
    fileprivate func refusal(_ what: String, _ answer: Answer) -> any Error {
        let said = what + ": " + answer.output.trimmingCharacters(in: .newlines)
        return said.contains(": cannot: ") && !said.hasSuffix("Cannot allocate memory") ? Skip(said) : Failure(said)
    }

    /// One audit; its figures are yet to be compared.
    func audit(_ options: String = "") throws -> GuestAudit {
        let audit = try GuestAudit(guest.order("audit \(options)", seconds: 90))
        audits += 1
        return audit
    }

    /// The audit must say this and nothing else; with `passive`, also without looking where the pages of files lie.
    func expect(_ truths: Truth..., passive: Bool = false, line: Int = #line, file: String = #fileID) throws {
        let comparison = try Comparison(audit(), truths)
        failures += comparison.failures.map { "\(file):\(line): \($0)" }
        guard passive else { return }
        let second = try Comparison(audit("--passive"), truths, isPassive: true)
        failures += second.failures.map { "\(file):\(line): --passive: \($0)" }
    }

    /// A look at one process.
    func look(at holder: GuestHolder, _ options: String = "") throws -> ProcessLook {
        audits += 1
        return try ProcessLook(guest.order("look \(holder.pid) \(options)", seconds: 90))
    }

    /// A look at the holder must say this and nothing else.
    @discardableResult
    func expect(
        _ truth: ProcessTruth, of holder: GuestHolder, line: Int = #line, file: String = #fileID
    ) throws -> ProcessDocument {
        let look = try look(at: holder)
        failures += ProcessComparison(look, truth).failures.map { "\(file):\(line): \($0)" }
        return look.process
    }

    /// By the kernel's own counters; it gives some pages back late.
    func expectAllFree(line: Int = #line, file: String = #fileID) throws {
        try shell("settle", line: line, file: file)
    }

    /// Takes away whatever the scenario left, so that the next one begins with free pools.
    func clear() throws {
        let pids = holders.flatMap(\.pids).map { "\($0)" }.joined(separator: " ")
        holders = []
        try guest.order(
            """
            slay \(pids)
            awk 'NR > 1 { print $2 }' /proc/sysvipc/shm | while read -r id; do ipcrm -m $id; done
            rm -f /huge/*
            while grep -q ' /huge ' /proc/mounts; do umount /huge || break; done
            for file in /sys/kernel/mm/hugepages/*/nr_overcommit_hugepages; do echo 0 >$file; done 2>/dev/null
            rmdir /sys/fs/cgroup/lab 2>/dev/null
            """)
    }
}

/// A holder in a guest: `Tests/Holder` says which there are.
final class GuestHolder {
    /// Of its FIFO and its words below /run.
    let name: String
    private let ready: ReadyLine
    private unowned let stage: Stage

    init(name: String, ready: ReadyLine, stage: Stage) { (self.name, self.ready, self.stage) = (name, ready, stage) }

    var pid: Int32 { ready.numbers("pid")[0] }
    var children: [Int32] { ready.numbers("child") }
    var child: Int32 { children[0] }
    /// It and its children.
    var pids: [Int32] { [pid] + children }
    /// The id of its System V segment.
    var segment: Int32 { ready.numbers("shmid")[0] }
    /// Of what it has mapped; 0 where that is in parts.
    var address: UInt64 { ready["address"].flatMap { UInt64($0.dropFirst(2), radix: 16) } ?? 0 }
    /// The addresses of its parts, and those that could not be had.
    var parts: [String: Range<UInt64>] { ready.parts }
    var partsLeftOut: [String] { ready["left"]?.split(separator: ",").map(String.init) ?? [] }

    /// Makes its next changes, `count` of them.
    /// - Throws: `Skip` where this kernel cannot have the state.
    func step(_ count: Int = 1) throws {
        for _ in 0..<count {
            let answer = try stage.guest.order("step \(name)", seconds: 240)
            if answer.status != 0 { throw stage.refusal("step", answer) }
        }
    }

    /// Ends it and its children with SIGKILL, so that it undoes nothing.
    func slay() throws { try stage.shell("slay \(pids.map { "\($0)" }.joined(separator: " "))") }

    /// Lets it undo everything.
    func quit() throws {
        try stage.shell("echo quit >/run/\(name).in; while [ -e /proc/\(pid)/fd/0 ]; do usleep 5000; done")
    }
}
