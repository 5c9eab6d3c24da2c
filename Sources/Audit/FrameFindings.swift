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
            // Only the first ones are listed, and the others may be of any kind.
            let isAll = frames.contradictionCount <= frames.contradictions.frames
            return Finding(
                .compoundMismatch, .error,
                (isAll ? "" : "At least ") + kind.says(listed.frames),
                evidence: listed.prefix(Self.mostShown).map {
                    Evidence(.census, "/proc/kpageflags", $0.says)
                },
                remedy: Remedy.reportMismatch)
        }
    }
}

extension [FrameWords.Contradiction] {
    fileprivate var frames: UInt64 { reduce(0) { $0 &+ $1.frames } }
}

extension FrameWords.Contradiction {
    /// `frame 0x123, mapped at 0x7f0000000000, has 0x10000 (compound_tail), as the 4 beside it`
    fileprivate var says: String {
        "frame \(hexadecimal(frame.rawValue)), mapped at \(hexadecimal(address)), has \(flags)"
            + (frames > 1 ? ", as \(frames == 2 ? "the one" : "the \(frames - 1)") beside it" : "")
    }
}

extension FrameWords.Contradiction.Kind {
    /// The finding's sentence: `1 frame that the process maps is a compound tail with no head before it`
    fileprivate func says(_ count: UInt64) -> String {
        let isOne = count == 1
        let frames = isOne ? "1 frame" : "\(count) frames"
        return switch self {
        case .tailWithoutHead:
            "\(frames) that the process maps "
                + (isOne ? "is a compound tail with no head before it" : "are compound tails with no head before them")
        case .tailsEndEarly:
            "\(frames) that the process maps \(isOne ? "is a compound head" : "are compound heads") "
                + "with too few tails for any page size"
        case .hugetlbWithoutHuge:
            "\(frames) that \(isOne ? "a hugetlb mapping leads" : "hugetlb mappings lead") to "
                + "\(isOne ? "is" : "are") without HUGE"
        }
    }
}
