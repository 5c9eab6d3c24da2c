public import Observations
import PageModel

/// The settings of transparent huge pages in sysfs.
/// Source: kernel `Documentation/admin-guide/mm/transhuge.rst`, `mm/huge_memory.c`.
extension KernelRoot {
    static let transparent = "sys/kernel/mm/transparent_hugepage"

    /// All of it nil or empty on a kernel without transparent huge pages.
    public func transparentSettings() throws(KernelFileError) -> TransparentSettings {
        var settings = TransparentSettings()
        settings.enabled = try choice("enabled")
        settings.shmemEnabled = try choice("shmem_enabled")
        settings.pmdSize = try optional { () throws(KernelFileError) in
            try parsed("\(Self.transparent)/hpage_pmd_size", by: PageSize.init(parsingPMDSize:))
        }
        guard exists(Self.transparent) else { return settings }
        for name in try names(in: Self.transparent) where name.hasPrefix("hugepages-") {
            guard let size = PageSize(hugepagesFolder: name) else {
                let expected = "a folder named hugepages-SIZEkB with a power of two"
                throw KernelFileError(
                    path(Self.transparent), FormatError(line: 1, bytes: name.utf8, expected: expected))
            }
            // Sizes that only shared memory can have are without it.
            settings.sizes[size] = try choice("\(name)/enabled")
        }
        return settings
    }

    /// Nil where this kernel does not have the file.
    private func choice(_ file: String) throws(KernelFileError) -> String? {
        try optional { () throws(KernelFileError) in try parsed("\(Self.transparent)/\(file)", by: choice(parsing:)) }
    }
}

/// The choice that is in force, in brackets among all there are: `always` of `[always] madvise never`.
func choice(parsing content: [UInt8]) throws(FormatError) -> String {
    let line = TextLine(content[...].trimmed, number: 1)
    let chosen = line.words.filter { $0.first == UInt8(ascii: "[") && $0.last == UInt8(ascii: "]") }
    let isLetter = { (byte: UInt8) in
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
    }
    guard chosen.count == 1, case let word = chosen[0].dropFirst().dropLast(), !word.isEmpty, word.allSatisfy(isLetter)
    else { throw line.error(expected: "choices with one in brackets, such as [always] madvise never") }
    return String(decoding: word, as: UTF8.self)
}

extension PageSize {
    /// The content of `hpage_pmd_size`. Unit: bytes.
    fileprivate init(parsingPMDSize content: [UInt8]) throws(FormatError) {
        let expected = "a page size in bytes"
        guard let size = Self(bytes: try content.number(expected)) else {
            throw TextLine(content[...].trimmed, number: 1).error(expected: expected)
        }
        self = size
    }
}
