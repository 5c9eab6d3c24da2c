public import Observations
import PageModel

/// The commands that would free what a group holds, ready for a shell, each with a word on what would happen to whom. They
/// are printed, never run.
extension HolderGroup {
    /// As it is spoken of: `file /mnt/huge/a`, `4100 files rtemap_*`.
    var subject: String {
        let noun =
            switch kind {
            case .file: "file"
            case .deletedFile: "deleted file"
            case .memfd: "memfd"
            case .sharedMemory: "shared memory"
            case .ioUring, .socket, .kernel: ""
            }
        let shown = name.escaped(limit: 80)
        if noun.isEmpty { return shown }
        return holders.count == 1
            ? "\(noun) \(shown)" : "\(holders.count) \(noun)\(kind == .sharedMemory ? " segments" : "s") \(shown)"
    }

    func remedy(_ search: HolderSearch) -> String {
        let amount = "\(ByteCount(bytes))"
        return switch finding {
        case .orphanFile:
            "\(removal(search))  # frees \(amount); no process that was seen has \(them) open or maps \(them)"
        case .fileUnmapped:
            removal(search).isEmpty ? ending(search) : "\(removal(search)); \(ending(search))"
        case .orphanShm: "\(segments)  # frees \(amount); whoever attaches by its key or id afterwards fails"
        case .partlyMapped:
            "Nothing need be done: they are freed with \(kind == .file ? "the file" : "its last mapping and descriptor")"
        default: ending(search)
        }
    }

    /// So many are named in one command.
    private static let mostNamed = 8

    private var them: String { holders.count == 1 ? "it" : "them" }

    /// Removes linked files by their paths. Empty where they have none: on a mount that is mounted no more.
    private func removal(_ search: HolderSearch) -> String {
        let paths = holders.compactMap { $0.file?.path }
        guard let first = paths.first else { return "" }
        let folder = first.folder
        let stem = ForeignText(name.bytes.dropLast().suffix { $0 != UInt8(ascii: "/") })
        let meant = Set(paths)
        let wouldBeTaken = folder.bytes + stem.bytes
        let isOther = { (path: ForeignText) in path.bytes.starts(with: wouldBeTaken) && !meant.contains(path) }
        if paths.count > Self.mostNamed, !search.files.contains(where: { $0.path.map(isOther) ?? false }) {
            let pattern = shellQuoted(ForeignText(stem.globEscaped.bytes + "*".utf8))
            return "find \(shellQuoted(folder)) -maxdepth 1 -type f -name \(pattern) -delete"
        }
        return "rm -- " + paths.prefix(Self.mostNamed).map(shellQuoted).joined(separator: " ")
    }

    private var segments: String {
        let commands = holders.prefix(Self.mostNamed).compactMap { holder -> String? in
            guard case .systemV(let segment)? = holder.file?.kind else { return nil }
            return entering(segment.through, "-i") + "ipcrm -m \(segment.id)"
        }
        return commands.joined(separator: "; ")
    }

    private func ending(_ search: HolderSearch) -> String {
        guard let first = processes.first else { return Remedy.kernelPins }
        let shown = processes.prefix(Self.mostNamed)
        // Of several that may be innocent none is named in a command.
        if holders[0].isSuspected, processes.count > 1 {
            let list = shown.map(\.description).joined(separator: ", ")
            let more = processes.count > shown.count ? " and \(processes.count - shown.count) more" : ""
            return "Find out which of the processes \(list)\(more) keeps them; ending it frees \(ByteCount(bytes))"
        }
        let name = search.identities[first]?.name.escaped(limit: 40) ?? ""
        let others = processes.count - 1
        let who = others == 0 ? name : "\(name) and \(others) more"
        let verb = holders[0].isSuspected ? "; if it is what keeps them, frees" : ", and with its last descriptor frees"
        return "kill \(shown.map(\.description).joined(separator: " "))  # ends \(who)\(verb) \(ByteCount(bytes))"
    }
}

extension Holder {
    /// What would free what this one holds.
    public func remedy(_ search: HolderSearch) -> String { HolderGroup.groups(of: [self])[0].remedy(search) }
}

extension ForeignText {
    /// Of a path, all up to its last slash, with it.
    fileprivate var folder: ForeignText {
        ForeignText(bytes.prefix((bytes.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1))
    }

    /// As a pattern that matches this text alone.
    fileprivate var globEscaped: ForeignText {
        let special = Set("*?[\\".utf8)
        return ForeignText(bytes.flatMap { special.contains($0) ? [UInt8(ascii: "\\"), $0] : [$0] })
    }
}

extension [UInt8] {
    fileprivate func suffix(while isMeant: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        self[(lastIndex { !isMeant($0) }.map { $0 + 1 } ?? startIndex)...]
    }
}
