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
    /// For all that it does; then it is killed.
    var limit: Duration = .seconds(10)

    /// Lets a child do the jobs, one after the other.
    /// - Parameter body: gets the records but those that tell a job's end; `job` is an index of `jobs`.
    /// - Returns: for each job what was refused; nil where it was done.
    func run(_ jobs: [cplace_job], each body: (cplace_record) -> Void) -> [Refusal?] {
        if jobs.isEmpty { return [] }
        let end = ContinuousClock.now + limit
        var records: Int32 = -1
        let seconds = UInt32(clamping: limit.components.seconds &+ 1)
        let child = cplace_start(jobs, UInt32(jobs.count), mostProbes, seconds, &records)
        guard child > 0 else { return jobs.map { _ in Refusal(what: "fork", errno: .last) } }
        var answers = [Answer](repeating: Answer(), count: jobs.count)
        let file = FileDescriptor(rawValue: records)
        let isInTime = Self.records(of: file, until: end) { record in
            guard answers.indices.contains(Int(record.job)) else { return }
            if !answers[Int(record.job)].takes(record) { body(record) }
        }
        try? file.close()
        if !isInTime { kill(child, SIGKILL) }
        let ending = Self.ending(of: child)
        let late = Refusal(what: "it was not done within \(limit)")
        return answers.map { $0.isComplete ? $0.refusal : isInTime ? ending : late }
    }

    /// Every record until the file ends. Returns false where time ends first.
    static func records(
        of file: FileDescriptor, until end: ContinuousClock.Instant, each body: (cplace_record) -> Void
    ) -> Bool {
        let size = MemoryLayout<cplace_record>.stride
        var buffer = [cplace_record](repeating: cplace_record(), count: 4096)
        var filled = 0
        while isReadable(file, until: end) {
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

    /// Waits for its end: it has closed its records or was killed.
    private static func ending(of child: pid_t) -> Refusal {
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, Errno.last == .interrupted {}
        let signal = status & 0x7f
        guard signal != 0, let name = strsignal(signal) else { return Refusal(what: "the process that looks ended") }
        return Refusal(what: "the process that looks was ended: \(String(cString: name))")
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
