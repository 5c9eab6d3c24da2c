/// `/proc/meminfo`, or a node's `meminfo`, in which every line starts with `Node N`. All fields are kept by name.
/// Source: kernel `Documentation/filesystems/proc.rst`, `fs/proc/meminfo.c`, `drivers/base/node.c`.
public struct Meminfo: Hashable, Sendable {
    /// Unit: bytes for the fields that the kernel gives in kB, a plain count for the others (`HugePages_Total` …).
    public private(set) var fields: [String: UInt64] = [:]

    public init(parsing content: [UInt8]) throws(FormatError) {
        try content.eachLine { line throws(FormatError) in
            guard let (key, value) = line.bytes.halves(at: UInt8(ascii: ":")),
                let name = key.split(separator: .blank).last
            else { throw line.error(expected: "a field such as MemTotal: 1024 kB") }
            let isSize = value.trimmed.suffix(2).elementsEqual("kB".utf8)
            fields[String(decoding: name, as: UTF8.self)] =
                isSize
                ? try line.kilobytes(in: value, "an amount in kB")
                : try line.number(in: value, "a count or an amount in kB")
        }
    }
}

extension KernelRoot {
    public func meminfo() throws(KernelFileError) -> Meminfo {
        try parsed("proc/meminfo", by: Meminfo.init(parsing:))
    }
}
