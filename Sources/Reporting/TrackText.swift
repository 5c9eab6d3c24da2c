public import Audit
public import Observations
import PageModel

/// A process that is followed, for a person at a terminal: a line for each sample, and a summary at the end.
public struct TrackText {
    private let process: TrackedProcess
    private let paint: Paint
    private static let mostWays = 4

    /// - Parameter isColoured: with ANSI colours, for a terminal.
    public init(_ process: TrackedProcess, isColoured: Bool) {
        (self.process, paint) = (process, Paint(isOn: isColoured))
    }

    private var base: PageSize { process.host.basePageSize }

    /// Whom the lines are about, and what their columns are; without a last newline, as all that follows.
    public var head: String {
        "Process \(subject). A page is what is at one address of it.\n\n"
            + row("TIME", "RESIDENT", "SWAPPED", "WHAT BECAME OF PAGES SINCE THE LAST SAMPLE")
    }

    public func line(_ step: TrackStep) -> String {
        row(
            seconds(step.secondsIn, digits: 3), amount(step.residentCount.pages), amount(step.swapped),
            step.change.map(news) ?? "first sample")
    }

    /// What is known so far, in no more than `width` characters.
    public func progress(_ report: TrackReport, width: Int) -> String {
        let news = PageFlow.Kind.allCases.compactMap { kind in
            let pages = report.flows.sum(kind).pages
            return pages > 0 ? "\(kind.words) \(amount(pages))" : nil
        }
        let text =
            "\(seconds(report.seconds, digits: 1)), samples: \(report.samples); Ctrl-C ends; so far "
            + (news.isEmpty ? "nothing" : news.joined(separator: ", "))
        return text.count <= width ? text : text.prefix(max(0, width - 1)) + "…"
    }

    /// Ends with a newline.
    public func summary(_ report: TrackReport) -> String {
        let longest = "the longest took \(duration(report.longestSampleSeconds))"
        return paragraphs([
            [
                "Process \(subject): \(seconds(report.seconds, digits: 1)), samples: \(report.samples), \(report.ending.words)."
            ],
            matrix(report), totals(report),
            ["\(process.host.footer(report.startedAt ?? .nan)), \(longest)"],
        ])
    }

    private var subject: String { "\(process.pid) (\(process.name.escaped(limit: 40)))" }

    private func row(_ time: String, _ resident: String, _ swapped: String, _ news: String) -> String {
        [(time, 10), (resident, 10), (swapped, 10)].map { text, width in
            String(repeating: " ", count: max(0, width - text.count)) + text
        }.joined(separator: "  ") + "  " + news
    }

    private func amount(_ pages: UInt64) -> String { pages == 0 ? "-" : "\(base.amount(of: pages))" }

    /// `moved 2 MiB 0->2, 4 KiB 1->1, came 8 KiB`
    private func news(_ change: FrameChange) -> String {
        let parts = PageFlow.Kind.allCases.compactMap { kind in
            let sum = change.flows.sum(kind)
            guard sum.pages > 0 else { return String?.none }
            guard kind == .moved else { return "\(kind.words) \(amount(sum.pages))" }
            return paint("moved \(ways(change.flows))", .yellow)
        }
        return parts.isEmpty ? "-" : parts.joined(separator: ", ")
    }

    /// The ways of pages that moved: those of most pages first.
    private func ways(_ flows: [PageFlow: PageCount]) -> String {
        let moved = flows.filter { $0.key.kind == .moved }.sorted {
            $0.value.pages == $1.value.pages ? $0.key < $1.key : $0.value.pages > $1.value.pages
        }
        let shown = moved.prefix(Self.mostWays).map { flow, count in
            "\(amount(count.pages)) \(label(flow.from))->\(label(flow.to))"
        }
        let more = moved.count - shown.count
        return shown.joined(separator: ", ") + (more > 0 ? " and \(more) other ways" : "")
    }

    private func label(_ node: NodeID?) -> String { node.map { "\($0)" } ?? "?" }

    /// Rows are the nodes that pages left, columns those that they are on.
    private func matrix(_ report: TrackReport) -> [String] {
        guard report.isCompared else {
            return ["Nothing was compared: what became of pages is seen between two samples."]
        }
        let moved = report.flows.filter { $0.key.kind == .moved }
        guard !moved.isEmpty else { return ["No page moved."] }
        let order = { (left: NodeID?, right: NodeID?) in (left?.rawValue ?? .max) < (right?.rawValue ?? .max) }
        let (from, to) = (Set(moved.map(\.key.from)).sorted(by: order), Set(moved.map(\.key.to)).sorted(by: order))
        var table = TextTable(
            [(title: "FROM NODE", alignment: .right)] + to.map { (title: "TO NODE \(label($0))", alignment: .right) })
        for source in from {
            table.add(
                [label(source)]
                    + to.map { target in
                        guard let count = moved[PageFlow(.moved, from: source, to: target)] else { return "-" }
                        return "\(count.pages) (\(amount(count.pages)))"
                    })
        }
        return ["Pages of \(base) that moved:", table.text]
    }

    private func totals(_ report: TrackReport) -> [String] {
        guard !report.flows.isEmpty else { return [] }
        var table = TextTable([
            (title: "", alignment: .left), (title: "PAGES", alignment: .right), (title: "AMOUNT", alignment: .right),
            (title: "OF HUGE PAGES", alignment: .right),
        ])
        for kind in PageFlow.Kind.allCases {
            let sum = report.flows.sum(kind)
            if sum.pages > 0 { table.add([kind.words, "\(sum.pages)", amount(sum.pages), "\(sum.hugePages)"]) }
        }
        return [table.text]
    }
}

/// Without a library: `1.250s`. It is cut, not rounded.
private func seconds(_ seconds: Double, digits: Int) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "-" }
    let scale = UInt64([1, 10, 100, 1000][digits])
    let (whole, rest) = UInt64(seconds * Double(scale)).quotientAndRemainder(dividingBy: scale)
    let text = "\(rest)"
    return "\(whole).\(String(repeating: "0", count: digits - text.count))\(text)s"
}

extension PageFlow.Kind {
    fileprivate var words: String {
        switch self {
        case .collapsed: "collapsed"
        case .split: "split"
        case .moved: "moved"
        case .swappedIn: "swapped in"
        case .came: "came"
        case .swappedOut: "swapped out"
        case .went: "went"
        }
    }
}

extension TrackReport.Ending {
    fileprivate var words: String {
        switch self {
        case .done: "as long as was asked for"
        case .interrupted: "until it was interrupted"
        case .ended: "until the process ended"
        case .replaced: "until the process became another program (execve)"
        }
    }
}
