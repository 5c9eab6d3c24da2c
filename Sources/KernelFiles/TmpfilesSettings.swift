import Observations

/// Files of tmpfiles.d: of their lines, those that write a number of huge pages.
/// Source: tmpfiles.d(5), types `w` and `w+`.
struct TmpfilesSettings {
    /// In their order. A pattern that stands for several files is left out.
    private(set) var requests: [RequestedPages] = []
    /// What a line without `+` writes to: a second one is ignored.
    private var written: Set<PoolCounterFile> = []

    /// Adds the lines of the next file, by name.
    mutating func add(_ content: [UInt8]) throws(FormatError) {
        try content.eachLine { line throws(FormatError) in
            let fields = line.words.map { $0.unquoted }
            guard fields.count == 7, let type = fields[0].first, type == UInt8(ascii: "w"),
                fields[0].dropFirst().allSatisfy("+!-=~^$?".utf8.contains),
                let file = PoolCounterFile(path: fields[1]), let pages = UInt64(count: fields[6])
            else { return }
            let isFirst = written.insert(file).inserted
            guard isFirst || fields[0].contains(UInt8(ascii: "+")) else { return }
            requests.append(file.asked(pages, ForeignText(line.bytes.trimmed)))
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate var unquoted: ArraySlice<UInt8> {
        let isQuoted = count > 1 && first == last && (first == UInt8(ascii: "\"") || first == UInt8(ascii: "'"))
        return isQuoted ? dropFirst().dropLast() : self
    }
}

extension KernelRoot {
    /// All requests, in the order in which they are applied.
    func requestsOfTmpfiles(unread: inout [Unread]) -> [(path: String, asked: RequestedPages)] {
        var settings = TmpfilesSettings()
        var paths: [String] = []
        for path in configurationFiles(".conf", in: Self.configurationFolders("tmpfiles.d"), unread: &unread) {
            configuration(path, unread: &unread) { content throws(FormatError) in try settings.add(content) }
            paths += Array(repeating: path, count: settings.requests.count - paths.count)
        }
        return Array(zip(paths, settings.requests)).map { (path: $0, asked: $1) }
    }
}
