import Observations
import PageModel

/// Finds in a line of a shell script or of a unit what it asks for: `echo N > FILE`, `echo N | tee FILE`,
/// `sysctl -w vm.nr_hugepages=N`, `hugeadm --pool-pages-min SIZE:N`, and `sh -c` with such a line.
///
/// What is not spelt out, such as a variable, a pattern or a computed number, is no request that can be known. Whether the
/// line is ever reached is not asked.
/// Source: sh(1), systemd.service(5), tee(1), sysctl(8), hugeadm(8).
struct ShellRequests {
    private(set) var requests: [RequestedPages] = []
    private let text: ForeignText

    init(line: ArraySlice<UInt8>) { self.init(line, text: ForeignText(line.trimmed), depth: 0) }

    private init(_ line: ArraySlice<UInt8>, text: ForeignText, depth: Int) {
        self.text = text
        guard line.mentionsHugepages, depth < 3 else { return }
        for pipeline in ShellLine(line).pipelines {
            var piped: UInt64?
            for command in pipeline {
                let number = piped
                piped = nil
                guard let index = command.words.firstIndex(where: { Self.known($0) != nil }) else { continue }
                let arguments = command.words[(index + 1)...]
                switch Self.known(command.words[index]) {
                case .echo:
                    piped = Self.echoed(arguments)
                    if let piped { ask(piped, command.outputs[...]) }
                case .tee: if let number { ask(number, arguments) }
                case .sysctl: for argument in arguments { addSetting(argument) }
                case .hugeadm: addMinimum(arguments)
                case .shell:
                    guard let line = Self.script(arguments) else { continue }
                    requests += Self(line, text: text, depth: depth + 1).requests
                case nil: continue
                }
            }
        }
    }

    private enum Known: String { case echo, tee, sysctl, hugeadm, shell }

    private static func known(_ word: ArraySlice<UInt8>) -> Known? {
        let name = word.split(separator: UInt8(ascii: "/")).last ?? []
        let text = String(decoding: name.drop { "-@:+!|".utf8.contains($0) }, as: UTF8.self)
        return ["sh", "bash", "dash", "ash", "ksh", "zsh"].contains(text) ? .shell : Known(rawValue: text)
    }

    /// The number, where that is all.
    private static func echoed(_ arguments: ArraySlice<ArraySlice<UInt8>>) -> UInt64? {
        let rest = arguments.drop { $0.first == UInt8(ascii: "-") }
        return rest.count == 1 ? rest.first.flatMap { UInt64(count: $0) } : nil
    }

    /// The argument of `-c`, also among other letters: `-ec`.
    private static func script(_ arguments: ArraySlice<ArraySlice<UInt8>>) -> ArraySlice<UInt8>? {
        let option = arguments.firstIndex {
            $0.first == UInt8(ascii: "-") && $0.last == UInt8(ascii: "c") && !$0.starts(with: "--".utf8)
        }
        return option.flatMap { arguments[($0 + 1)...].first }
    }

    private mutating func ask(_ pages: UInt64, _ files: ArraySlice<ArraySlice<UInt8>>) {
        requests += files.compactMap { PoolCounterFile(path: $0)?.asked(pages, text) }
    }

    private mutating func addSetting(_ argument: ArraySlice<UInt8>) {
        guard let (key, value) = argument.halves(at: UInt8(ascii: "=")), SysctlFile.isPoolKey(key),
            let pages = UInt64(count: value)
        else { return }
        requests.append(RequestedPages(pages: pages, text: text))
    }

    private mutating func addMinimum(_ arguments: ArraySlice<ArraySlice<UInt8>>) {
        let option = "--pool-pages-min".utf8
        for index in arguments.indices where arguments[index].starts(with: option) {
            let rest = arguments[index].dropFirst(option.count)
            let value = rest.first == UInt8(ascii: "=") ? rest.dropFirst() : arguments[(index + 1)...].first
            guard rest.isEmpty || rest.first == UInt8(ascii: "="),
                let (size, count) = value?.halves(at: UInt8(ascii: ":")), let pages = UInt64(count: count)
            else { continue }
            if size.elementsEqual("DEFAULT".utf8) {
                requests.append(RequestedPages(pages: pages, text: text))
            } else if let size = PageSize(memory: size) {
                requests.append(RequestedPages(size: size, pages: pages, text: text))
            }
        }
    }
}
