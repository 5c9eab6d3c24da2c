/// A line of a shell, cut into commands: words with their quotes undone, and the files that they write to. What a shell
/// would put in place of `$` and backquotes stays as it is. Source: sh(1), "Token Recognition" and "Redirection".
struct ShellLine {
    struct Command: Equatable {
        var words: [ArraySlice<UInt8>] = []
        /// Of `>` and `>>`, of the standard output only.
        var outputs: [ArraySlice<UInt8>] = []
    }
    /// Commands that a pipe joins are one.
    private(set) var pipelines: [[Command]] = [[Command()]]

    /// What the next word is.
    private enum Place { case argument, output, elsewhere }
    private var place = Place.argument
    /// Nil between words.
    private var word: [UInt8]?

    init(_ line: ArraySlice<UInt8>) {
        var quote: UInt8?
        var isEscaped = false
        for byte in line {
            if isEscaped {
                append(byte)
                isEscaped = false
            } else if byte == UInt8(ascii: "\\"), quote != UInt8(ascii: "'") {
                isEscaped = true
            } else if let open = quote {
                if byte == open { quote = nil } else { word?.append(byte) }
            } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
                quote = byte
                word = word ?? []
            } else if byte == UInt8(ascii: "#"), word == nil {
                break
            } else {
                addPlain(byte)
            }
        }
        endWord()
    }

    private mutating func addPlain(_ byte: UInt8) {
        switch byte {
        case .blank, .tab, .newline: endWord()
        case UInt8(ascii: ">"): redirect()
        case UInt8(ascii: "|") where isAfterRedirection, UInt8(ascii: "&") where isAfterRedirection: return
        case UInt8(ascii: "|"):
            endWord()
            place = .argument
            pipelines[pipelines.count - 1].append(Command())
        case UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: "("), UInt8(ascii: ")"):
            endWord()
            place = .argument
            pipelines.append([Command()])
        default: append(byte)
        }
    }

    private mutating func append(_ byte: UInt8) {
        if word == nil { word = [] }
        word?.append(byte)
    }

    private var isAfterRedirection: Bool { place != .argument && word == nil }

    /// A number right before it is that of the descriptor.
    private mutating func redirect() {
        if isAfterRedirection { return }
        var isOutput = true
        if let number = word, number.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            isOutput = number == [UInt8(ascii: "1")]
            word = nil
        }
        endWord()
        place = isOutput ? .output : .elsewhere
    }

    private mutating func endWord() {
        guard let word else { return }
        self.word = nil
        let pipeline = pipelines.count - 1
        let command = pipelines[pipeline].count - 1
        switch place {
        case .argument: pipelines[pipeline][command].words.append(word[...])
        case .output: pipelines[pipeline][command].outputs.append(word[...])
        case .elsewhere: break
        }
        place = .argument
    }
}
