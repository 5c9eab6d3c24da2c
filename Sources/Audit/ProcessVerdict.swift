import Observations
import PageModel

extension Verdict {
    /// On one process.
    init(_ account: ProcessAccount, findings: [Finding], failOn: Severity) {
        self.init(findings, isPartial: !account.unread.isEmpty, failOn: failOn) { account.summary }
    }

    /// End a verdict that does not know whether huge pages were asked for.
    static let adviceUnread = "; what it asked for by madvise(2) was not read"
    static let adviceOfSomeUnread = "; what some asked for by madvise(2) was not read"
}

extension ProcessAccount {
    /// `Process 4711 (postgres)`
    static func subject(_ process: ProcessObservation) -> String {
        "Process \(process.pid) (\(process.name.escaped(limit: 40)))"
    }

    private var subject: String { Self.subject(observation) }

    /// `Process 4711 (postgres): 8.2 GiB in RAM, 8 GiB of it in huge pages, all on node 0, as its policies ask`
    fileprivate var summary: String {
        if observation.course == .withoutMemory { return "\(subject) \(withoutMemory)" }
        let swapped = pages.swapped == 0 ? [] : ["\(ByteCount(pages.swapped)) in swap"]
        let advice = isAdviceUnread ? Verdict.adviceUnread : ""
        guard pages.resident > 0 else {
            return "\(subject): " + (["nothing in RAM"] + swapped).joined(separator: ", ") + advice
        }
        let parts = ["\(ByteCount(pages.resident)) in RAM"] + huge + place + asked + swapped
        return "\(subject): " + parts.joined(separator: ", ") + advice
    }

    private var withoutMemory: String {
        switch observation.withoutMemoryAs {
        case .kernelThread?: "is a kernel thread and has no memory of its own"
        case .zombie?: "has ended and has no memory any more: a zombie that its parent did not reap yet (state Z)"
        case nil: "has no memory of its own"
        }
    }

    /// Nothing where it is not known.
    private var huge: [String] {
        let bytes = mappings.reduce(0) { $0 &+ $1.hugeBytes }
        if bytes == 0 { return observation.isClassified ? ["none of it in huge pages"] : [] }
        return [bytes == pages.resident ? "all of it in huge pages" : "\(ByteCount(bytes)) of it in huge pages"]
    }

    private var place: [String] {
        let nodes = Set(pages.amounts.map(\.node))
        guard pages.hidden == 0, !nodes.contains(nil) else { return [] }
        let known = nodes.compactMap { $0 }
        return [(known.count == 1 ? "all on " : "on ") + known.named]
    }

    private var asked: [String] {
        let bound = mappings.filter { $0.policy?.placesOnNodes == true && $0.observation.pages.resident > 0 }
        return bound.isEmpty || bound.contains { !$0.outside.isEmpty } ? [] : ["as its policies ask"]
    }
}
