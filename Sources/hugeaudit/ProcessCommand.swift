public import ArgumentParser
public import Audit
import KernelFiles
import Observations
import PageModel
import Reporting

/// `hugeaudit process`: which page sizes processes have, on which nodes, and whether that is what they asked for.
struct ProcessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "process",
        abstract: "Where does this process really live: which page sizes, which nodes, and is that what it asked for?",
        discussion: """
            A WORD is a PID, a name or a pattern for names ('postgres*'), a cgroup path (/system.slice), a systemd unit \
            (foo.service), the uid of a pod, or the id of a container, at least 12 digits of it. The page tables are \
            read, and the frames behind them: hugetlb of each size, transparent huge pages, smaller folios and base \
            pages by node, what policies ask for, and what is shared. Nothing is written.

            JSON has the schema hugeaudit.process/1 where the only WORD is a PID, hugeaudit.processes/1 otherwise. CSV \
            has a row for each mapping and kind of page, with --all for each process and kind of page.

            Exit status: 0 nothing found at or above --fail-on, 1 findings, 2 wrong use or no such process, 3 not all \
            could be read, and nothing worse was found. A process that ended meanwhile is counted, and makes it 3 only where \
            it was named by its PID.
            """)

    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text
        case json
        case csv
    }

    @Argument(help: "Which processes: PID, name, pattern, cgroup, unit, pod or container.")
    var word: [String] = []

    @Flag(help: "One line for each process: of all, or of those that the words mean.")
    var all = false

    @Flag(help: "With --all: one line for each process and node.")
    var byNode = false

    @Option(help: "With --all: what comes first: hugetlb, thp, resident, swapped, pid or name (default: hugetlb).")
    var sort: ProcessOrder?

    @Option(
        help: """
            How to print: text for a person, json or csv for a program; csv has what is in RAM, and neither what is in swap \
            nor what could not be read: exit status 3 tells of that.
            """)
    var format = Format.text

    @Flag(help: "Only where pages are, by numa_maps, and not of which kind: no frames are read.")
    var noClassify = false

    @Flag(help: "Read the flags of every frame and count each word of them, as page-types -r -p does.")
    var flags = false

    @Flag(help: "Read smaps of processes above 1 GiB, too: what they asked for by madvise(2).")
    var smaps = false

    @Flag(
        help: "Rest after each scan and window of page tables; leave out smaps, and numa_maps (policies) above 4 GiB.")
    var gentle = false

    @Flag(
        help:
            "Look for zeros in a sample of transparent huge pages: reads memory of the process, which then counts as used."
    )
    var inspectContent = false

    @OptionGroup var options: ReportOptions

    @OptionGroup var tree: SavedTree

    func validate() throws {
        if word.isEmpty && !all { throw ValidationError("Which process? Name one, or all of them by --all") }
        if byNode && !all { throw ValidationError("--by-node needs --all") }
        if sort != nil && !all { throw ValidationError("--sort needs --all") }
        if noClassify && (flags || inspectContent) {
            throw ValidationError("--no-classify reads no frames, which --flags and --inspect-content need")
        }
    }

    func run() throws {
        let machine = ProcessMachine(tree.kernelRoot)
        let nodes = try options.nodes(of: machine.nodes.map(\.id))
        let names = try selected(from: machine)
        let clock = ContinuousClock.now
        let (isListed, failOn) = (all, options.failOn)
        let reports = machine.observe(names.keys.sorted(), reading) { seen in
            var observation = seen
            if seen.name.bytes.isEmpty, let name = names[seen.pid] { observation.name = name }
            let report = ProcessReport(judging: observation, failOn: failOn)
            let part = nodes.map { report.limited(to: $0, failOn: failOn) } ?? report
            return isListed ? part.condensed : part
        }
        let numbers = word.compactMap { ProcessSelector($0).isPID }
        if !all, word.count == 1, numbers.count == 1, let report = reports.first { return try finish(report) }
        let duration = clock.duration(to: .now) / .seconds(1)
        try finish(
            ProcessList(
                all ? (sort ?? .hugetlb).sorted(reports) : reports, isOfAll: all, named: Set(numbers),
                host: machine.host, takenAt: reports.map(\.observation.takenAt).min() ?? 0, durationSeconds: duration),
            machine, nodes)
    }

    private var reading: ProcessReading {
        var reading = ProcessReading()
        (reading.isClassified, reading.readsAllWords) = (!noClassify, flags)
        (reading.readsSmaps, reading.isGentle, reading.inspectsContent) = (smaps, gentle, inspectContent)
        return reading
    }

    /// Those that the words mean, each with its name where that had to be read. Refuses a word that means none and says what
    /// there is.
    private func selected(from machine: ProcessMachine) throws -> [PID: ForeignText] {
        let all: [PID]
        do { all = try machine.processes() } catch {
            throw ValidationError("\(error). Without a list of processes there is nothing to look at")
        }
        let nameless = ForeignText("")
        guard !word.isEmpty else { return Dictionary(uniqueKeysWithValues: all.map { ($0, nameless) }) }
        let selectors = word.map(ProcessSelector.init)
        let needsNames = selectors.contains { $0.isPID == nil }
        let known = all.map { pid in (pid, needsNames ? machine.identity(of: pid) : (nameless, nameless)) }
        var chosen: [PID: ForeignText] = [:]
        for (word, selector) in zip(word, selectors) {
            let meant = known.filter { selector.matches(pid: $0.0, name: $0.1.0, cgroup: $0.1.1) }
            guard !meant.isEmpty else { throw Self.nothing(word, among: all.count) }
            for (pid, identity) in meant { chosen[pid] = identity.0 }
        }
        return chosen
    }

    private static func nothing(_ word: String, among count: Int) -> ValidationError {
        ValidationError(
            "No process is \(ForeignText(word).escaped(limit: 80)); there are \(count). "
                + "hugeaudit process --all lists those that have memory")
    }

    private func finish(_ report: ProcessReport) throws {
        try options.finish(report.verdict) {
            switch format {
            case .text: ProcessText(report, isColoured: options.isColoured).text
            case .json: try ProcessJSON(report, version: HugeAudit.toolVersion).text
            case .csv: ProcessCSV([report]).text
            }
        }
    }

    private func finish(_ list: ProcessList, _ machine: ProcessMachine, _ nodes: Set<NodeID>?) throws {
        try options.finish(list.verdict) {
            switch format {
            case .text where all:
                ProcessTable(
                    list, pools: machine.pools.filter { nodes?.contains($0.key.node) ?? true }, isByNode: byNode,
                    isColoured: options.isColoured
                ).text
            case .text: ProcessListText(list, isColoured: options.isColoured).text
            case .json: try ProcessListJSON(list, version: HugeAudit.toolVersion).text
            case .csv: all ? ProcessCSV(sumsOf: list.processes).text : ProcessCSV(list.processes).text
            }
        }
    }
}

extension ProcessOrder: ExpressibleByArgument {}
