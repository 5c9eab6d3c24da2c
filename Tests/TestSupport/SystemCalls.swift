import Foundation

/// The system calls of a program and of its children, as strace(1) tells them.
public struct SystemCalls {
    /// One call as it began, or was made.
    public struct Call {
        public let name: String
        /// What strace prints of it: arguments, with paths behind descriptors, and the answer.
        public let text: String
        /// What it answered is a descriptor of this; nil where it failed.
        public var opened: String? {
            guard let equals = text.range(of: " = ", options: .backwards) else { return nil }
            let answer = text[equals.upperBound...]
            guard answer.first?.isNumber == true, let start = answer.firstIndex(of: "<") else { return nil }
            return String(answer[answer.index(after: start)...].dropLast())
        }
    }

    public let outcome: Outcome
    public let calls: [Call]

    /// Throws `Holder.Unavailable` where it is not installed or no process may be traced.
    /// - Parameter names: of the calls, as strace's `-e trace=` has them; those that this system has not are left out.
    public init(_ names: [String], of program: String, _ arguments: [String]) throws {
        let log = temporaryPath("calls")
        defer { try? FileManager.default.removeItem(atPath: log) }
        let trace = "trace=" + names.map { "?\($0)" }.joined(separator: ",")
        let options = ["-f", "-qq", "-y", "-s", "4096", "-e", "signal=none", "-e", trace, "-o", log]
        guard FileManager.default.fileExists(atPath: "/usr/bin/strace"),
            try run("/usr/bin/strace", options + ["/bin/true"]).status == 0
        else { throw Holder.Unavailable(description: "strace is not installed, or may not trace") }
        outcome = try run("/usr/bin/strace", options + [program] + arguments)
        calls = Self.calls(in: try String(contentsOfFile: log, encoding: .utf8))
    }

    /// A line starts with the process. Where another's comes between, a call's beginning and end stand in two lines.
    private static func calls(in log: String) -> [Call] {
        let (broken, resumed) = (" <unfinished ...>", " resumed>")
        var begun: [Substring: String] = [:]
        return log.split(separator: "\n").compactMap { line in
            let process = line.prefix { $0 != " " }
            var text = line.dropFirst(process.count).drop { $0 == " " }
            if text.hasSuffix(broken) {
                begun[process] = String(text.dropLast(broken.count))
                return nil
            }
            var whole = String(text)
            if text.hasPrefix("<... "), let end = text.range(of: resumed) {
                text = text[end.upperBound...]
                whole = (begun.removeValue(forKey: process) ?? "") + text
            }
            guard let bracket = whole.firstIndex(of: "(") else { return nil }
            return Call(name: String(whole[..<bracket]), text: whole)
        }
            + begun.values.compactMap { text in
                text.firstIndex(of: "(").map { Call(name: String(text[..<$0]), text: text) }
            }
    }
}
