internal import CKernel
import Glibc
import SystemPackage

/// The child process of `cplace.h`, from its start to its end; its records are taken as they come, in flat memory.
struct PlacingChild {
    /// What was refused, and how the system answered.
    struct Refusal: Hashable, CustomStringConvertible {
        /// The call, or a sentence.
        var what: String
        /// Nil where no call failed.
        var errno: Errno?
        var description: String { errno.map { "\(what): \($0)" } ?? what }
    }

    /// Pages of one file that it tries, each in two microseconds: a sparse file may be longer than anybody can wait.
    var mostProbes: UInt64 = 1 << 20
    /// For all jobs; then the child is killed.
    var limit: Duration = .seconds(10)
    /// For one job; then the child is killed, and another one does those that follow.
    var patience: Duration = .seconds(4)

    /// Lets a child do the jobs, one after the other.
    /// - Parameter body: gets the records but those that tell a job's end; `job` is an index of `jobs`.
    /// - Returns: for each job what was refused; nil where it was done.
    func run(_ jobs: [cplace_job], each body: (cplace_record) -> Void) -> [Refusal?] {
        let end = ContinuousClock.now + limit
        var refusals: [Refusal?] = []
        while refusals.count < jobs.count {
            let first = refusals.count
            refusals += attempt(Array(jobs[first...]), until: end) { record in
                var record = record
                record.job += UInt32(first)
                body(record)
            }
        }
        return refusals
    }

    /// Lets one child do the jobs. Returns what became of them up to the first that it did not come to the end of.
    private func attempt(
        _ jobs: [cplace_job], until end: ContinuousClock.Instant, each body: (cplace_record) -> Void
    ) -> [Refusal?] {
        let late = Refusal(what: "it was not done within \(limit)")
        guard .now < end else { return jobs.map { _ in late } }
        var records: Int32 = -1
        let seconds = UInt32(clamping: limit.components.seconds &+ 1)
        let child = cplace_start(jobs, UInt32(jobs.count), mostProbes, seconds, &records)
        guard child > 0 else {
            let refusal = Refusal(what: child == -1 ? "pipe2" : "fork", errno: .last)
            return jobs.map { _ in refusal }
        }
        var answers = [Answer](repeating: Answer(), count: jobs.count)
        let file = FileDescriptor(rawValue: records)
        var patienceEnd = ContinuousClock.now + patience
        let isInTime = Self.records(of: file, until: min(end, patienceEnd)) { record in
            guard answers.indices.contains(Int(record.job)) else { return }
            if !answers[Int(record.job)].takes(record) { body(record) }
            if answers[Int(record.job)].isComplete { patienceEnd = .now + patience }
        }
        try? file.close()
        if !isInTime { kill(child, SIGKILL) }
        let ending = Self.ending(of: child)
        let done = answers.prefix(while: \.isComplete).map(\.refusal)
        if done.count == jobs.count { return done }
        return done + [
            isInTime ? ending : patienceEnd < end ? Refusal(what: "it was not done within \(patience)") : late
        ]
    }

    /// Every record until the file ends. Returns false where time ends first, of which each record may move the end.
    static func records(
        of file: FileDescriptor, until end: @autoclosure () -> ContinuousClock.Instant,
        each body: (cplace_record) -> Void
    ) -> Bool {
        let size = MemoryLayout<cplace_record>.stride
        var buffer = [cplace_record](repeating: cplace_record(), count: 4096)
        var filled = 0
        while isReadable(file, until: end()) {
            let count = buffer.withUnsafeMutableBytes { bytes in
                (try? file.read(into: .init(rebasing: bytes[filled...]))) ?? 0
            }
            if count == 0 { return true }
            filled += count
            for record in buffer.prefix(filled / size) { body(record) }
            buffer[0] = filled < buffer.count * size ? buffer[filled / size] : buffer[0]  // part of one
            filled %= size
        }
        return false
    }

    private static func isReadable(_ file: FileDescriptor, until end: ContinuousClock.Instant) -> Bool {
        while true {
            let left = end - .now
            guard left > .zero else { return false }
            var entry = pollfd(fd: file.rawValue, events: Int16(POLLIN), revents: 0)
            let answer = poll(&entry, 1, Int32(min(left / .milliseconds(1), 1e9).rounded(.up)))
            if answer > 0 || answer < 0 && Errno.last != .interrupted { return true }
        }
    }

    /// Waits for its end: it has closed its records or was killed. One that hangs in the kernel, where no signal reaches it,
    /// is left behind after a second.
    private static func ending(of child: pid_t) -> Refusal {
        var status: Int32 = 0
        for _ in 0..<1000 {
            let ended = waitpid(child, &status, WNOHANG)
            if ended == child { return Refusal(ofStatus: status) }
            if ended < 0, Errno.last != .interrupted { return Refusal(ofStatus: 0) }
            usleep(1000)
        }
        return Refusal(what: "the process that looks, \(child), does not end: it hangs in the kernel")
    }
}

extension PlacingChild.Refusal {
    /// - Parameter status: of waitpid(2).
    fileprivate init(ofStatus status: Int32) {
        let signal = status & 0x7f
        let name = signal == 0 ? nil : strsignal(signal).map { String(cString: $0) }
        self.init(what: name.map { "the process that looks was ended: \($0)" } ?? "the process that looks ended")
    }
}

/// What is known of a job's end.
private struct Answer {
    private(set) var isComplete = false
    private var errno: Errno?
    private var what: [UInt8] = []

    var refusal: PlacingChild.Refusal? {
        what.isEmpty ? nil : PlacingChild.Refusal(what: String(decoding: what, as: UTF8.self), errno: errno)
    }

    /// Whether the record was about that.
    mutating func takes(_ record: cplace_record) -> Bool {
        switch cplace_kind(record.kind) {
        case CPLACE_REASON: what += record.text
        case CPLACE_END:
            isComplete = true
            errno = record.value == 0 ? nil : Errno(rawValue: CInt(truncatingIfNeeded: record.value))
        default: return false
        }
        return true
    }
}

extension cplace_record {
    /// The bytes of a text, eight in each record.
    var text: [UInt8] { withUnsafeBytes(of: value) { bytes in bytes.filter { $0 != 0 } } }
}
