import Observations

/// Files of sysctl.d: of their settings, those of the number of huge pages.
/// Source: sysctl.d(5), sysctl.conf(5); `Documentation/admin-guide/sysctl/vm.rst`, `nr_hugepages`.
struct SysctlFile {
    /// In their order: the last is what the kernel keeps. For the default size, on the whole machine.
    private(set) var requests: [RequestedPages] = []

    init(parsing content: [UInt8]) throws(FormatError) {
        try content.eachLine { line throws(FormatError) in
            var text = line.bytes.trimmed
            if text.first == UInt8(ascii: "-") { text = text.dropFirst().trimmed }
            // The kernel takes the first word, whatever comes after it.
            guard let (key, value) = text.halves(at: UInt8(ascii: "=")), Self.isPoolKey(key.trimmed),
                let word = TextLine(value, number: line.number).words.first, let pages = UInt64(count: word)
            else { return }
            requests.append(RequestedPages(pages: pages, text: ForeignText(line.bytes.trimmed)))
        }
    }

    /// `vm.nr_hugepages` and what reads as the same.
    static func isPoolKey(_ key: ArraySlice<UInt8>) -> Bool {
        let separators = [UInt8(ascii: "."), UInt8(ascii: "/")]
        guard key.starts(with: "vm".utf8), let separator = key.dropFirst(2).first, separators.contains(separator) else {
            return false
        }
        return PoolCounterFile.names.contains { key.dropFirst(3).elementsEqual($0.utf8) }
    }
}

extension KernelRoot {
    /// All requests, in the order in which the files are applied. `/etc/sysctl.conf` comes last, as `sysctl --system` has
    /// it, unless a file is named `99-sysctl.conf`: that is a link to it on Debian before 13 and RHEL, which gives it its
    /// place. Where neither that link nor procps is, as on Debian 13, systemd alone does not read it.
    func requestsOfSysctl(unread: inout [Unread]) -> [(path: String, asked: RequestedPages)] {
        var found: [(String, RequestedPages)] = []
        var paths = configurationFiles(".conf", in: Self.configurationFolders("sysctl.d"), unread: &unread)
        if !paths.contains(where: { $0.hasSuffix("/99-sysctl.conf") }) { paths.append("etc/sysctl.conf") }
        for path in paths {
            configuration(path, unread: &unread) { content throws(FormatError) in
                found += try SysctlFile(parsing: content).requests.map { (path, $0) }
            }
        }
        return found
    }
}
