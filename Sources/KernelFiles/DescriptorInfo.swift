import Observations

/// `/proc/PID/fdinfo/N`: what the kernel tells of one descriptor besides its link.
/// Source: kernel `fs/proc/fd.c`, `io_uring/fdinfo.c`, `net/unix/af_unix.c`.
struct DescriptorInfo: Hashable {
    /// Of a UNIX socket: descriptors sent to it and not yet received. An older kernel does not count for a listening
    /// socket those of connections that wait to be accepted.
    private(set) var scmFds: UInt64?
    /// Of an io_uring: its slots for registered buffers, used or empty. Nil, too, where a newer kernel
    /// finds the ring busy.
    private var userBufs: UInt64?
    /// The buffers registered with an io_uring, as addresses of when they were registered: what is mapped there now
    /// need not be what the ring keeps. No more than `mostBuffers`.
    private(set) var buffers: [Range<UInt64>] = []
    /// Of an io_uring: files that are registered with it, which need no descriptor any more.
    private(set) var userFiles: UInt64 = 0
    private var slots: UInt64 = 0
    private var part = Part.other

    private enum Part { case files, buffers, other }

    /// `IORING_MAX_REG_BUFFERS`.
    static let mostBuffers = 1 << 14

    /// Whether every slot that `userBufs` counts was listed: while the ring is busy the kernel lists none. Ask again
    /// then.
    var areBuffersComplete: Bool { userBufs == slots }

    init() {}

    init(parsing content: [UInt8]) throws(FormatError) {
        try content.eachLine { line throws(FormatError) in try add(line) }
    }

    /// Takes in the next line of the file.
    mutating func add(_ line: TextLine) throws(FormatError) {
        switch line.bytes.first {
        case .blank where part == .buffers: try add(slot: line)
        case .blank where part == .files: add(file: line)
        case UInt8(ascii: "s"):
            guard let value = line.value(after: "scm_fds:") else { break }
            scmFds = try line.number(in: value, "scm_fds: and a count")
        case UInt8(ascii: "U"):
            part = line.value(after: "UserFiles:") == nil ? .other : .files
            guard let value = line.value(after: "UserBufs:") else { break }
            // The last one counts: names of files above it can look like one, because older kernels do not escape them.
            (buffers, slots, part) = ([], 0, .buffers)
            userBufs = try line.number(in: value, "UserBufs: and a count")
        default: part = .other
        }
    }

    /// `    0: /memfd:name (deleted)`, or `    0: <none>`.
    private mutating func add(file line: TextLine) {
        guard let (number, name) = line.bytes.halves(at: UInt8(ascii: ":")), UInt64(digits: number.trimmed) != nil
        else { return }
        if !name.trimmed.elementsEqual("<none>".utf8) { userFiles += 1 }
    }

    /// `    0: 0x7f7562c00000/2097152`, or `    0: <none>`.
    private mutating func add(slot line: TextLine) throws(FormatError) {
        let expected = "a number, a colon and 0xADDRESS/LENGTH or <none>"
        guard let (number, value) = line.bytes.halves(at: UInt8(ascii: ":")), UInt64(digits: number.trimmed) != nil
        else { throw line.error(expected: expected) }
        slots += 1
        if value.trimmed.elementsEqual("<none>".utf8) { return }
        guard let (start, length) = value.trimmed.halves(at: UInt8(ascii: "/")), start.starts(with: "0x".utf8),
            let address = UInt64(digits: start.dropFirst(2), radix: 16), let length = UInt64(digits: length)
        else { throw line.error(expected: expected) }
        // An empty slot reads 0xffffffffffffffff/1 up to 6.12; at 0 lies what a driver lends, which is no user memory.
        let (end, isEmpty) = address.addingReportingOverflow(length)
        if !isEmpty, address > 0, length > 0, buffers.count < Self.mostBuffers { buffers.append(address..<end) }
    }
}

extension KernelRoot {
    /// - Parameter process: its folder below `proc`: `12`, or `12/task/13` for one thread.
    func descriptorInfo(of descriptor: Int32, of process: String) throws(KernelFileError) -> DescriptorInfo {
        var info = DescriptorInfo()
        try lines(of: "proc/\(process)/fdinfo/\(descriptor)") { line throws(FormatError) in try info.add(line) }
        return info
    }
}
