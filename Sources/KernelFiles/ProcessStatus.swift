public import PageModel

/// `/proc/PID/status`, or that of one thread: the lines that the audit needs.
/// Source: kernel `Documentation/filesystems/proc.rst`, `fs/proc/array.c`.
public struct ProcessStatus: Hashable, Sendable {
    /// `Z` where the thread has ended and nobody has fetched its exit status.
    public var isZombie = false
    public var parent = PID(0)
    /// Threads of the process that still live.
    public var threads: UInt64 = 1
    /// The real user.
    public var user: UInt32 = 0
    /// `HugetlbPages`. Unit: bytes. Nil without an address space of its own: a kernel thread or a zombie.
    /// No more than a hint where page tables are shared: the process that touched a page first is charged for it, one that
    /// only shares it is not, and whoever unmaps it is credited, so that the figure can be 0 or negative.
    public var hugetlbBytes: Int64?
    /// `VmPin`: memory that a driver keeps in place. Unit: bytes. Nil like `hugetlbBytes`; negative where a driver gave back
    /// more than it took.
    public var pinnedBytes: Int64?
    /// `VmLck`: memory that mlock or a driver keeps in RAM. Unit: bytes. Nil and negative like `pinnedBytes`.
    public var lockedBytes: Int64?
    /// `VmRSS`: memory in RAM, without huge pages of hugetlb. Unit: bytes. Nil like `hugetlbBytes`.
    public var residentBytes: Int64?
    /// `THP_enabled`: whether it may have transparent huge pages, as prctl(2) and its executable left it. Nil like
    /// `hugetlbBytes`, and before 5.0.
    public var isTransparentEnabled: Bool?

    public init(parsing content: [UInt8]) throws(FormatError) {
        try content.eachLine { line throws(FormatError) in
            switch line.bytes.first {
            case UInt8(ascii: "S"):
                if let value = line.value(after: "State:") { isZombie = value.trimmed.first == UInt8(ascii: "Z") }
            case UInt8(ascii: "P"):
                guard let value = line.value(after: "PPid:") else { return }
                guard let number = Int32(digits: value.trimmed) else { throw line.error(expected: "PPid: and a PID") }
                parent = PID(number)
            case UInt8(ascii: "T"):
                if let value = line.value(after: "Threads:") {
                    threads = try line.number(in: value, "Threads: and a count")
                } else if let value = line.value(after: "THP_enabled:") {
                    isTransparentEnabled = try line.flag(in: value, "THP_enabled: and 0 or 1")
                }
            case UInt8(ascii: "U"):
                guard line.value(after: "Uid:") != nil else { return }
                let words = line.words
                guard words.count > 1, let id = UInt32(digits: words[1]) else {
                    throw line.error(expected: "Uid: and four user ids")
                }
                user = id
            case UInt8(ascii: "H"):
                guard let value = line.value(after: "HugetlbPages:") else { return }
                hugetlbBytes = try line.signedKilobytes(in: value, "HugetlbPages: and an amount in kB")
            case UInt8(ascii: "V"): try parse(memory: line)
            default: break
            }
        }
    }

    /// The lines that begin with `Vm` are many, and four are wanted.
    private mutating func parse(memory line: TextLine) throws(FormatError) {
        switch line.bytes.dropFirst(3).first {
        case UInt8(ascii: "c"):
            guard let value = line.value(after: "VmLck:") else { return }
            lockedBytes = try line.signedKilobytes(in: value, "VmLck: and an amount in kB")
        case UInt8(ascii: "S"):
            guard let value = line.value(after: "VmRSS:") else { return }
            residentBytes = try line.signedKilobytes(in: value, "VmRSS: and an amount in kB")
        case UInt8(ascii: "i"):
            guard let value = line.value(after: "VmPin:") else { return }
            pinnedBytes = try line.signedKilobytes(in: value, "VmPin: and an amount in kB")
        default: break
        }
    }
}

extension KernelRoot {
    /// The processes of this PID namespace, ascending.
    public func processes() throws(KernelFileError) -> [PID] { try pids(in: "proc") }

    /// The threads of a process that have not ended, or were not yet fetched, ascending.
    public func threads(of process: PID) throws(KernelFileError) -> [PID] { try pids(in: "proc/\(process)/task") }

    /// - Parameters:
    ///   - process: its folder below `proc`: `12`, or `12/task/13` for one thread.
    ///   - buffer: shared by many reads, as there is one for each process of the machine.
    func status(_ process: String, buffer: inout [UInt8]) throws(KernelFileError) -> ProcessStatus {
        let file = "proc/\(process)/status"
        try read(file, into: &buffer)
        do { return try ProcessStatus(parsing: buffer) } catch { throw KernelFileError(path(file), error) }
    }

    private func pids(in folder: String) throws(KernelFileError) -> [PID] {
        try names(in: folder).compactMap { Int32(digits: $0.utf8).map { PID($0) } }.sorted()
    }
}
