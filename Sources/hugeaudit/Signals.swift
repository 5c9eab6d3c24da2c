import Glibc

/// A set of signals.
struct Signals {
    private(set) var set = sigset_t()

    init(_ numbers: [Int32]) {
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
    }

    /// Those of `numbers` that whoever started us does not want ignored, as nohup does SIGHUP.
    static func wanted(of numbers: [Int32]) -> Signals {
        Signals(
            numbers.filter { number in
                var action = sigaction()
                sigaction(number, nil, &action)
                return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) != 1
            })
    }

    /// Lets them wait until somebody asks; returns those that were blocked before.
    func block() -> Signals {
        var (ours, before) = (set, Signals([]))
        sigprocmask(SIG_BLOCK, &ours, &before.set)
        return before
    }

    /// Drops those that wait.
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
