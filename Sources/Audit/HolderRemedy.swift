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
        switch finding {
        case .orphanFile:
            removal.map {
                "\($0.command)  # frees \($0.amount); no process that was seen has \(them) open or maps \(them)"
                    + (isDirectlyBelowMount(search) ? "" : "; look first whose folders the path leads through")
                    + $0.rest
            } ?? ending(search)
        case .fileUnmapped:
            (removal.map { "\($0.command); " } ?? "") + ending(search)
        case .orphanShm where !isProven: "Audit as root without --passive to see whether they are of huge pages"
        case .orphanShm: segmentRemoval
        case .partlyMapped:
            "Nothing need be done: they are freed with \(kind == .file ? "the file" : "its last mapping and descriptor")"
        default: ending(search)
        }
    }

    /// Whether all that is named surely has huge pages.
    var isProven: Bool { holders.allSatisfy { $0.file?.isProven ?? true } }

    /// So many are named in one command.
    private static let mostNamed = 16

    private var them: String { holders.count == 1 ? "it" : "them" }

    /// Removes linked files, each by its own name. Nil where they have none: on a mount that is mounted no more.
    private var removal: FileRemoval? {
        holders.contains { $0.file?.path != nil } ? FileRemoval(holders) : nil
    }

    /// Whether the files lie in the root of a mount of the audit's own namespace: of folders below, and of other namespaces,
    /// others can be the owners, and swap one for a link between the audit and the command.
    private func isDirectlyBelowMount(_ search: HolderSearch) -> Bool {
        holders.compactMap(\.file).allSatisfy { file in
            guard let path = file.path?.bytes, let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return true }
            return search.mounts.contains { mount in
                mount.device == file.identity.device && mount.through == nil
                    && mount.folder.bytes.elementsEqual(path[..<slash])
            }
        }
    }

    private var segmentRemoval: String {
        let named = holders.prefix(Self.mostNamed)
        let commands = named.compactMap { holder -> String? in
            guard case .systemV(let segment)? = holder.file?.kind else { return nil }
            return enteringIPC(of: segment.through) + "ipcrm -m \(segment.id)"
        }
        let left = holders.count - named.count
        return commands.joined(separator: "; ")
            + "  # frees \(ByteCount(named.reduce(0) { $0 &+ $1.bytes })); whoever attaches by key or id afterwards fails"
            + (left > 0 ? "; \(left) more are left: audit again" : "")
    }

    private func ending(_ search: HolderSearch) -> String {
        guard let first = processes.first else { return Remedy.kernelPins }
        let shown = processes.prefix(Self.mostNamed)
        let name = search.identities[first]?.name.escaped(limit: 40) ?? ""
        let others = processes.count - 1
        // What may be innocent is named in no command.
        if holders[0].isSuspected, others > 0 || kind == .kernel {
            let list = shown.map(\.description).joined(separator: ", ")
            let more = processes.count > shown.count ? " and \(processes.count - shown.count) more" : ""
            let which = others == 0 ? "whether process \(first) (\(name))" : "which of the processes \(list)\(more)"
            return "Find out \(which) keeps them; ending it then frees \(ByteCount(bytes))"
        }
        let who = others == 0 ? name : "\(name) and \(others) more"
        let command = "kill \(shown.map(\.description).joined(separator: " "))  # ends \(who)"
        if processes.count > shown.count { return "\(command); audit again for the others" }
        let verb = holders[0].isSuspected ? "; if it is what keeps them, frees" : ", and with its last descriptor frees"
        return "\(command)\(verb) \(ByteCount(bytes))"
    }
}
