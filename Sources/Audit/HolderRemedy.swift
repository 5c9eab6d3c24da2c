public import Observations
import PageModel

/// The commands that would free what a group holds, ready for a shell, each with a word on what would happen to whom. They
/// are printed, never run.
extension Holder {
    /// Of it alone, though others are like it.
    public func remedy(_ search: HolderSearch) -> String {
        HolderGroup(holders: [self], name: name, finding: findingID).remedy(search)
    }
}

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
        let amount = ByteCount(bytes)
        return switch finding {
        case .orphanFile:
            "\(removal?.command ?? "")  # frees \(removal?.amount ?? amount); no process that was seen has \(them) open or "
                + "maps \(them)\(removal?.rest ?? "")"
        case .fileUnmapped:
            (removal.map { "\($0.command); " } ?? "") + ending(search)
        case .orphanShm where !isProven: "Audit as root without --passive to see whether they are of huge pages"
        case .orphanShm: "\(segments)  # frees \(amount); whoever attaches by its key or id afterwards fails"
        case .partlyMapped:
            "Nothing need be done: they are freed with \(kind == .file ? "the file" : "its last mapping and descriptor")"
        default: ending(search)
        }
    }

    /// Whether all that is named surely has huge pages.
    var isProven: Bool { holders.allSatisfy { $0.file?.isProven ?? true } }

    /// So many are named in one command.
    private static let mostNamed = 8

    private var them: String { holders.count == 1 ? "it" : "them" }

    /// Removes linked files, each by its own name. Nil where they have none: on a mount that is mounted no more.
    private var removal: FileRemoval? {
        let files = holders.compactMap(\.file)
        return files.contains { $0.path != nil } ? FileRemoval(files) : nil
    }

    private var segments: String {
        let commands = holders.prefix(Self.mostNamed).compactMap { holder -> String? in
            guard case .systemV(let segment)? = holder.file?.kind else { return nil }
            return enteringIPC(of: segment.through) + "ipcrm -m \(segment.id)"
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
