import Observations
import PageModel

/// The rules that hold the words of physical memory behind a process against each other and against libnuma.
struct FrameFindings {
    let account: ProcessAccount

    var findings: [Finding] {
        contradictions
            + account.observation.disagreements.sorted { ($0.byBlocks, $0.size) < ($1.byBlocks, $1.size) }
            .map { .nodeMismatch($0, believed: "one page of each mapping was compared, and the latter believed") }
    }

    private static let mostShown = 4

    private var contradictions: [Finding] {
        let frames = account.observation.frames
        let kinds = FrameWords.Contradiction.Kind.allCases.filter { kind in
            frames.contradictions.contains { $0.kind == kind }
        }
        return kinds.map { kind in
            let listed = frames.contradictions.filter { $0.kind == kind }
            // Only the first ones are listed: of which kind the others are is known where there is but one.
            let isAll = frames.contradictionCount <= UInt64(frames.contradictions.count)
            let count = isAll || kinds.count > 1 ? UInt64(listed.count) : frames.contradictionCount
            return Finding(
                .compoundMismatch, .error,
                (isAll || kinds.count == 1 ? "" : "At least ") + kind.says(count),
                evidence: listed.prefix(Self.mostShown).map {
                    Evidence(
                        .census, "/proc/kpageflags",
                        "frame 0x\(String($0.frame.rawValue, radix: 16)), mapped at \(address($0.address)), "
                            + "has \($0.flags)")
                },
                remedy: Remedy.reportMismatch)
        }
    }
}

extension FrameWords.Contradiction.Kind {
    /// The finding's sentence: `1 frame is a compound tail with no head before it`
    fileprivate func says(_ count: UInt64) -> String {
        let (noun, be) = count == 1 ? ("frame", "is") : ("frames", "are")
        return switch self {
        case .tailWithoutHead: "\(count) \(noun) that the process maps \(be) compound tails with no head before them"
        case .tailsEndEarly:
            "\(count) \(noun) that the process maps \(be) compound heads with too few tails for any page size"
        case .hugetlbWithoutHuge: "\(count) \(noun) that hugetlb mappings lead to \(be) without HUGE"
        }
    }
}

/// As `/proc/PID/maps` writes it, with `0x` before it.
func address(_ address: UInt64) -> String { "0x\(String(address, radix: 16))" }
