import Observations

/// The services that systemd starts by itself: those that a target wants or requires by a link. Conditions, and branches of
/// their scripts, are not judged: the last number that is spelt out for a pool counts. What a script has in variables is not
/// known.
/// Source: systemd.unit(5), "Unit File Load Path" and `NAME.wants/`.
struct SystemdUnits {
    private static let folders = KernelRoot.configurationFolders("systemd/system")
    /// How the targets start that a machine has not passed which runs as it should. Source: systemd.special(7).
    private static let otherTargets = [
        "shutdown.", "reboot.", "poweroff.", "halt.", "kexec.", "final.", "umount.", "rescue.", "emergency.", "initrd",
        "system-update",
    ]
    /// What a script has at most that is read.
    private static let longestScript: UInt64 = 64 << 10
    /// What a compiled program starts with. Source: elf(5).
    private static let magic: [UInt8] = [0x7f, 0x45, 0x4c, 0x46]

    private let root: KernelRoot
    /// What is in each of `folders`.
    private let names: [Set<String>]
    private var scripts: [String: [RequestedPages]] = [:]
    /// What their commands and the scripts that these name ask for, by unit, with the file that says it.
    private(set) var requests: [(path: String, asked: RequestedPages)] = []
    private(set) var unread: [Unread] = []

    init(_ root: KernelRoot) {
        self.root = root
        var unread: [Unread] = []
        names = Self.folders.map { Set(root.configurationNames(in: $0, unread: &unread)) }
        self.unread = unread
        for unit in enabled().sorted() { read(unit) }
    }

    /// A link's name is that of its unit, wherever it leads.
    private mutating func enabled() -> Set<String> {
        var units: Set<String> = []
        for (folder, names) in zip(Self.folders, names) {
            for name in names where name.hasSuffix(".wants") || name.hasSuffix(".requires") {
                if Self.otherTargets.contains(where: name.hasPrefix) { continue }
                let wanted = root.configurationNames(in: "\(folder)/\(name)", unread: &unread)
                units.formUnion(wanted.filter { $0.hasSuffix(".service") })
            }
        }
        return units
    }

    private mutating func read(_ unit: String) {
        let template = unit.firstIndex(of: "@").map { String(unit[...$0]) + ".service" }
        let all = [unit, template].compactMap { $0 }
        guard let file = all.lazy.flatMap(places).first else { return }
        let folders = all.flatMap { places("\($0).d") }
        var commands = UnitCommands()
        var isThere = false
        for path in [file] + root.configurationFiles(".conf", in: folders, unread: &unread) {
            root.configuration(path, mentions: false, unread: &unread) { content throws(FormatError) in
                isThere = isThere || path == file
                if isThere { try commands.add(content, path: path) }
            }
        }
        for command in commands.commands {
            requests += ShellRequests(line: command.line[...]).requests.map { (command.path, $0) }
            for program in command.programs { requests += script(program).map { (program, $0) } }
        }
    }

    /// The folders' files of that name, those that go before first.
    private func places(_ name: String) -> [String] {
        zip(Self.folders, names).filter { $1.contains(name) }.map { "\($0.0)/\(name)" }
    }

    /// What a program asks for that is a script: text of no more than 64 KiB.
    private mutating func script(_ program: String) -> [RequestedPages] {
        if let known = scripts[program] { return known }
        var found: [RequestedPages] = []
        root.configuration(program, most: Self.longestScript, mentions: false, unread: &unread) {
            content throws(FormatError) in
            // Most are small programs: their magic number saves the search.
            guard !content.starts(with: Self.magic), content.mentionsHugepages, !content.contains(0) else { return }
            try content.eachJoinedLine { found += ShellRequests(line: $0).requests }
        }
        scripts[program] = found
        return found
    }
}
