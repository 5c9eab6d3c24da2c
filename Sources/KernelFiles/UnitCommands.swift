import Observations

/// The commands that a systemd service starts with. Source: systemd.service(5), `ExecStart=`; systemd.syntax(7).
struct UnitCommands {
    struct Command: Hashable {
        /// The file that has it.
        let path: String
        /// With its key: `ExecStart=/bin/true`.
        let line: [UInt8]

        /// The files that can hold what it runs, spelt out: the program, and the script where that is a shell.
        var programs: [String] {
            let value = line[...].halves(at: UInt8(ascii: "="))?.1 ?? []
            var words = ShellLine(value).pipelines.first?.first?.words ?? []
            guard let first = words.first else { return [] }
            words[0] = first.drop { "-@:+!|".utf8.contains($0) }
            let isShell = words[0].suffix(2).elementsEqual("sh".utf8)
            return words.prefix(isShell ? 2 : 1).filter { $0.first == UInt8(ascii: "/") }.map {
                String(decoding: $0, as: UTF8.self)
            }
        }
    }

    /// In the order in which they run.
    var commands: [Command] { Self.keys.flatMap { lists[$0] ?? [] } }

    private static let keys = ["ExecStartPre", "ExecStart", "ExecStartPost"]
    private var lists: [String: [Command]] = [:]

    /// Adds the unit's file, or the next of its drop-ins: an empty assignment takes back what was there before.
    mutating func add(_ content: [UInt8], path: String) throws(FormatError) {
        try content.eachJoinedLine { line in
            guard let (name, value) = line.halves(at: UInt8(ascii: "=")), name.starts(with: "Exec".utf8) else { return }
            let key = String(decoding: name.trimmed, as: UTF8.self)
            guard Self.keys.contains(key) else { return }
            if value.trimmed.isEmpty {
                lists[key] = []
                return
            }
            lists[key, default: []].append(Command(path: path, line: Array(key.utf8) + "=".utf8 + value.trimmed))
        }
    }
}

extension [UInt8] {
    /// The lines without blanks at their start, where a backslash at the end joins the next one with a blank between.
    /// Comment lines are left out.
    func eachJoinedLine(_ body: (ArraySlice<UInt8>) -> Void) throws(FormatError) {
        var joined: [UInt8] = []
        try eachLine { line throws(FormatError) in
            let text = line.bytes.trimmed
            if text.first == UInt8(ascii: "#") || text.first == UInt8(ascii: ";") { return }
            if line.bytes.last == UInt8(ascii: "\\") {
                joined += text.dropLast() + [.blank]
            } else if joined.isEmpty {
                body(text)
            } else {
                body((joined + text)[...])
                joined = []
            }
        }
        if !joined.isEmpty { body(joined[...]) }
    }
}
