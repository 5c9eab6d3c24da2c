import Foundation
import Glibc
public import PageModel

/// A child process that keeps huge pages in one state: `Tests/Holder/holder.c` says which there are.
public final class Holder {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    /// Of `--path`: what SIGKILL leaves there goes with this object.
    private let path: String?
    /// Its keys: `pid`, `child`, `thread`, `address`, `fd`, `shmid`, `childshmid`.
    public let ready: ReadyLine
    /// What it said besides until it was ready: which parts it goes without, and why.
    public let remarks: String

    /// The state cannot be had on this machine; a test is skipped with it.
    public struct Unavailable: Error, CustomStringConvertible {
        public let description: String
        public init(description: String) { self.description = description }
    }

    /// - Parameters:
    ///   - cgroup: the `cgroup.procs` of the cgroup that it moves into first.
    ///   - program: another build of it.
    public init(_ arguments: [String], in cgroup: String? = nil, program: String = product("holder")) throws {
        path = arguments.firstIndex(of: "--path").map { arguments[$0 + 1] }
        process.executableURL = URL(fileURLWithPath: cgroup == nil ? program : "/bin/bash")
        let move = cgroup.map { ["-c", "echo $$ > \"$0\" && exec \"$@\"", $0, program] } ?? []
        process.arguments = move + arguments
        process.standardInput = input
        process.standardOutput = output
        let errors = try namelessFile()
        process.standardError = errors
        try process.run()
        let ready = ReadyLine(Self.nextLine(of: output))
        if ready == nil { process.waitUntilExit() }
        try errors.seek(toOffset: 0)
        remarks = String(decoding: try errors.readToEnd() ?? Data(), as: UTF8.self)
            .trimmingCharacters(in: .newlines)
        guard let ready else { throw Unavailable(description: remarks) }
        self.ready = ready
    }

    deinit {
        stop()
        removeWhatIsLeft()
    }

    /// The process, and the children that it started.
    public var pids: [PID] {
        (ready.numbers("pid") + ready.numbers("child")).map { PID($0) }
    }

    /// Makes the next change of its state and returns when it is made.
    public func step() throws {
        input.fileHandleForWriting.write(Data("step\n".utf8))
        let answer = Self.nextLine(of: output)
        guard answer == "stepped" else { throw Unavailable(description: "step: \(answer)") }
    }

    /// Lets it undo everything and waits for its end.
    public func stop() {
        guard process.isRunning else { return }
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// Ends it and its children with SIGKILL, so that it undoes nothing, and waits until their memory and descriptors are
    /// gone. Its file and its segment stay until this object goes or `removeWhatIsLeft` is called.
    public func kill() {
        for pid in pids { Glibc.kill(pid.rawValue, SIGKILL) }
        process.waitUntilExit()
        for pid in pids {
            for _ in 0..<1000 where Self.isAlive(pid) { usleep(10_000) }
        }
    }

    /// Removes the file and the segment that are left after `kill`.
    public func removeWhatIsLeft() {
        guard !process.isRunning else { return }
        if let path { unlink(path) }
        if let segment = ready["shmid"] { _ = try? run("/usr/bin/ipcrm", ["-m", segment]) }
    }

    /// A zombie has given back all that it had.
    private static func isAlive(_ pid: PID) -> Bool {
        guard let stat = try? content("/proc/\(pid)/stat") else { return false }
        let state = stat.suffix(from: stat.lastIndex(of: ")") ?? stat.startIndex).dropFirst(2).first
        return state != "Z" && state != "X"
    }

    private static func nextLine(of output: Pipe) -> String {
        var line: [UInt8] = []
        while let byte = output.fileHandleForReading.readData(ofLength: 1).first, byte != UInt8(ascii: "\n") {
            line.append(byte)
        }
        return String(decoding: line, as: UTF8.self)
    }
}
