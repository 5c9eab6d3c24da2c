import CKernel
import Glibc
import Observations
import SystemPackage

/// A command that finds what it would find without us: the same terminal and process group, descriptors, environment and
/// signals. Ctrl-C of the terminal reaches it directly; signals that somebody sends to us are passed on to it. One that is
/// sent to our whole process group reaches it without us, too, and nothing tells the two apart: so we wait a moment, and pass
/// it on only if the command still runs.
///
/// Not by swift-subprocess 1.0.2, which starts as fast but closes every descriptor above 2 (bash's `<(…)`, make's job
/// server), sets signals back that were ignored (nohup), and repairs what is no UTF-8 in the environment.
struct ForegroundCommand {
    /// The command's own name first, each without its zero byte.
    let arguments: [[UInt8]]

    /// Runs it to its end. The error is why it could not be started.
    /// - Parameters:
    ///   - interval: how long to wait between two looks.
    ///   - look: is asked for what is in use, first before the command starts and then again and again while it runs.
    func run(every interval: Duration, _ look: () -> [Pool: UInt64]) throws(Errno) -> CommandRun {
        var usage = PoolUsage()
        usage.add(look())
        // Where our parent ignores it, the command's status would be lost; the command shall find it as we did.
        let ignoresChild = unsafeBitCast(signal(SIGCHLD, SIG_DFL), to: Int.self) == 1
        let awaited = Signals(Self.passedOn + [SIGCHLD])
        let before = awaited.block()
        defer {
            awaited.forget()  // they were meant for a command that has ended
            before.restore()
        }
        let clock = ContinuousClock.now
        let child = try start(mask: before, ignoresChild: ignoresChild)
        var due: Int32?
        while true {
            if let ending = Self.ending(of: child) {
                let duration = clock.duration(to: .now) / .seconds(1)
                usage.add(afterEnd: look())
                return CommandRun(
                    arguments: arguments.map { ForeignText($0) }, ending: ending, durationSeconds: duration,
                    usage: usage)
            }
            if let number = due { kill(child, number) }
            due = nil
            usage.add(look())
            let (number, isFromProcess) = awaited.wait(for: interval)
            if isFromProcess, Self.passedOn.contains(number) {
                due = number
                usleep(Self.grace)
                Signals([number]).forget()  // timeout sends it to us and then to the group
            }
        }
    }

    /// How long a command has to end by a signal that it got itself. Unit: microseconds.
    private static let grace: UInt32 = 50_000

    /// Those of the terminal among them reach the command without us.
    private static let passedOn = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2]

    /// - Parameters:
    ///   - mask: the signals that the command shall find blocked.
    ///   - ignoresChild: it shall find SIGCHLD ignored.
    private func start(mask: Signals, ignoresChild: Bool) throws(Errno) -> pid_t {
        let words: [UnsafeMutablePointer<CChar>?] = arguments.map { word in
            (word + [0]).withUnsafeBufferPointer {
                strdup(UnsafeRawPointer($0.baseAddress!).assumingMemoryBound(to: CChar.self))
            }
        }
        defer { for word in words { free(word) } }
        var blocked = mask.set
        let child = cstart(words + [nil], &blocked, Output.closedPipesWereIgnored, ignoresChild)
        guard child > 0 else { throw Errno(rawValue: errno) }
        return child
    }

    /// Nil while it runs. Source: wait(2).
    private static func ending(of child: pid_t) -> CommandRun.Ending? {
        var status: Int32 = 0
        guard waitpid(child, &status, WNOHANG) == child else { return nil }
        let signal = status & 0x7f
        return signal == 0 ? .exited(status: status >> 8 & 0xff) : .killed(signal: signal)
    }
}
