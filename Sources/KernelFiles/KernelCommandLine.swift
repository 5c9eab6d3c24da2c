import Observations
import PageModel

/// `/proc/cmdline`: what the kernel was started with; of that, the huge pages that it was asked for.
/// Source: kernel `lib/cmdline.c`, `next_arg` and `memparse`; `mm/hugetlb.c`, `hugepages_setup`, `hugepagesz_setup`,
/// `default_hugepagesz_setup` and `hugetlb_init`; `Documentation/admin-guide/kernel-parameters.txt`.
struct KernelCommandLine {
    /// In the order in which they are applied. What the kernel ignores by its own rules is none; whether it has the size is
    /// not asked.
    private(set) var requests: [RequestedPages] = []
    /// `default_hugepagesz=`.
    private(set) var defaultSize: PageSize?

    /// The size that a count belongs to; nil for the default size.
    private var size: PageSize? {
        didSet { isCounted = isCounted && size == oldValue }
    }
    /// False after a size that the kernel ignores: it then ignores the next count, too.
    private var isValidSize = true
    private var sizes: Set<PageSize> = []
    /// It has a valid count: a second one is ignored.
    private var isCounted = false

    init(parsing content: [UInt8]) {
        for argument in Self.arguments(content) {
            if argument.name.elementsEqual("--".utf8), argument.value == nil { break }
            guard let value = argument.value else { continue }
            switch String(
                decoding: argument.name.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }, as: UTF8.self)
            {
            case "default_hugepagesz": addDefault(PageSize(memory: value))
            case "hugepagesz": add(PageSize(memory: value))
            case "hugepages": addCounts(value)
            default: continue
            }
        }
        if defaultSize == nil { applyFirst() }
    }

    /// A count before any size replaces one that names the default size, once the kernel knows that: at
    /// `default_hugepagesz=`, or at the end, in `hugetlb_init`.
    private mutating func applyFirst() {
        let first = requests.prefix { $0.size == nil }
        if first.contains(where: { $0.pages > 0 }) { requests = Array(requests.dropFirst(first.count) + first) }
    }

    private mutating func addDefault(_ size: PageSize?) {
        isValidSize = false
        guard let size, defaultSize == nil else { return }
        (defaultSize, self.size, isValidSize) = (size, size, true)
        sizes.insert(size)
        applyFirst()
    }

    /// A size is taken once, and once more where `default_hugepagesz=` was it and it has no pages yet.
    private mutating func add(_ size: PageSize?) {
        isValidSize = false
        guard let size else { return }
        let hasPages = requests.contains { ($0.size ?? defaultSize) == size && $0.pages > 0 }
        guard sizes.insert(size).inserted || size == defaultSize && !hasPages else { return }
        (self.size, isValidSize) = (size, true)
    }

    /// `8`, or `0:8,1:16`: as much of it as the kernel understands.
    private mutating func addCounts(_ value: ArraySlice<UInt8>) {
        guard isValidSize else {
            isValidSize = true
            return
        }
        guard !isCounted else { return }
        let text = ForeignText("hugepages=".utf8 + value)
        var rest = value
        while !rest.isEmpty {
            let isFirst = rest.startIndex == value.startIndex
            guard let number = rest.takeNumber() else { return }
            guard rest.first == UInt8(ascii: ":") else {
                guard isFirst else { return }
                requests.append(RequestedPages(size: size, node: nil, pages: number, text: text))
                break
            }
            rest = rest.dropFirst()
            guard let node = Int(exactly: number), let pages = rest.takeNumber() else { return }
            requests.append(RequestedPages(size: size, node: NodeID(node), pages: pages, text: text))
            guard rest.first == UInt8(ascii: ",") else { break }
            rest = rest.dropFirst()
        }
        isCounted = true
    }

    /// Cut at blanks outside quotes. A quote at the start of a word or of its value is left out, with the one at its end.
    private static func arguments(_ content: [UInt8]) -> [(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>?)] {
        let quote = UInt8(ascii: "\"")
        var isQuoted = false
        let words = content.split { byte in
            if byte == quote { isQuoted.toggle() }
            return !isQuoted && (byte == .blank || (9...13).contains(byte))
        }
        return words.map { word in
            var word = word
            if word.first == quote {
                word = word.dropFirst()
                if word.last == quote { word = word.dropLast() }
            }
            guard let (name, value) = word.halves(at: UInt8(ascii: "=")), !name.isEmpty else { return (word, nil) }
            guard value.first == quote else { return (name, value) }
            return (name, value.last == quote ? value.dropFirst().dropLast() : value.dropFirst())
        }
    }
}

extension ArraySlice<UInt8> {
    /// Takes the decimal digits at the start away; nil where there are none or too many.
    fileprivate mutating func takeNumber() -> UInt64? {
        let digits = prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let value = UInt64(digits: digits) else { return nil }
        self = dropFirst(digits.count)
        return value
    }
}

extension PageSize {
    /// A number, octal after 0 and hexadecimal after 0x, with one of the letters K to E after it; what follows is ignored.
    init?(memory text: ArraySlice<UInt8>) {
        let lower = text.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        let isHexadecimal = lower.starts(with: "0x".utf8)
        let radix: UInt64 = isHexadecimal ? 16 : lower.first == UInt8(ascii: "0") ? 8 : 10
        let digits = lower.dropFirst(isHexadecimal ? 2 : 0)
        let number = digits.prefix { UInt64(digits: [$0], radix: radix) != nil }
        guard let count = UInt64(digits: number, radix: radix) else { return nil }
        let units = Array("kmgtpe".utf8)
        let shift = digits.dropFirst(number.count).first.flatMap(units.firstIndex).map { 10 * UInt64($0 + 1) } ?? 0
        guard count <= UInt64.max >> shift else { return nil }
        self.init(bytes: count << shift)
    }
}

extension KernelRoot {
    /// Nil where a saved tree lacks the file.
    func kernelCommandLine() throws(KernelFileError) -> KernelCommandLine? {
        guard exists("proc/cmdline") else { return nil }
        return KernelCommandLine(parsing: try contents(of: "proc/cmdline"))
    }
}
