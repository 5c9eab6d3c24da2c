import Glibc
import Observations
import SystemPackage

/// A command that finds what it would find without us: the same terminal and process group, descriptors, environment and
/// signals. Ctrl-C of the terminal reaches it directly; signals that somebody sends to us are passed on to it.
///
/// By posix_spawn and not by swift-subprocess 1.0.2, which starts as fast but closes every descriptor above 2 (bash's
/// `<(…)`, make's job server), sets signals back that were ignored (nohup), and repairs what is no UTF-8 in the environment.
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
        signal(SIGCHLD, SIG_DFL)  // or its status would be lost where our parent ignores it
        let awaited = Signals(Self.passedOn + [SIGCHLD])
        let before = awaited.block()
        defer {
            awaited.forget()
            before.restore()
        }
        let clock = ContinuousClock.now
        let child = try spawn(mask: before)
        while true {
            let used = look()
            if let ending = Self.ending(of: child) {
                usage.add(afterEnd: used)
                let duration = clock.duration(to: .now) / .seconds(1)
                return CommandRun(
                    arguments: arguments.map { ForeignText($0) }, ending: ending, durationSeconds: duration,
                    usage: usage)
            }
            usage.add(used)
            let (number, isFromProcess) = awaited.wait(for: interval)
            if isFromProcess, Self.passedOn.contains(number) { kill(child, number) }
        }
    }

    /// Those of the terminal among them reach the command without us.
    private static let passedOn = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2]

    /// - Parameter mask: the signals that the command shall find blocked.
    private func spawn(mask: Signals) throws(Errno) -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var ours = Signals(Output.closedPipesWereIgnored ? [] : [SIGPIPE]).set
        var blocked = mask.set
        posix_spawnattr_setsigdefault(&attributes, &ours)
        posix_spawnattr_setsigmask(&attributes, &blocked)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        let words: [UnsafeMutablePointer<CChar>?] = arguments.map { word in
            (word + [0]).withUnsafeBufferPointer {
                strdup(UnsafeRawPointer($0.baseAddress!).assumingMemoryBound(to: CChar.self))
            }
        }
        defer { for word in words { free(word) } }
        var child: pid_t = 0
        let failure = posix_spawnp(&child, words[0]!, nil, &attributes, words + [nil], environ)
        guard failure == 0 else { throw Errno(rawValue: failure) }
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

/// A set of signals.
private struct Signals {
    private(set) var set = sigset_t()

    init(_ numbers: [Int32]) {
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
    }

    /// Lets them wait until somebody asks; returns those that were blocked before.
    func block() -> Signals {
        var (ours, before) = (set, Signals([]))
        sigprocmask(SIG_BLOCK, &ours, &before.set)
        return before
    }

    /// Drops those that came meanwhile: they were meant for a command that has ended.
    func forget() { while wait(for: .zero).number > 0 {} }

    /// Makes them those that are blocked.
    func restore() {
        var ours = set
        sigprocmask(SIG_SETMASK, &ours, nil)
    }

    /// The next one, and whether a process sent it and not the kernel; 0 where none came in time.
    func wait(for time: Duration) -> (number: Int32, isFromProcess: Bool) {
        var ours = set
        var info = siginfo_t()
        let (seconds, attoseconds) = time.components
        var limit = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        let number = sigtimedwait(&ours, &info, &limit)
        return (max(0, number), info.si_code <= 0)
    }
}
