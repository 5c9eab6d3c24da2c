/// One line of `/proc/PID/net/packet`: a packet socket of the process's network namespace.
/// Source: kernel `net/packet/af_packet.c`, `packet_seq_show`.
struct PacketSocket: Hashable, Sendable {
    /// The index of the interface that it is bound to; nil where it takes in all, or its interface is gone.
    let interface: UInt32?
    /// That of the link `socket:[INODE]` of a descriptor.
    let inode: UInt64

    /// - Parameter line: none of the first, which names the columns.
    init(parsing line: TextLine) throws(FormatError) {
        let words = line.words
        // -1 of one that is gone.
        guard words.count == 9, let inode = UInt64(digits: words[8]),
            let index = words[4].elementsEqual("-1".utf8) ? 0 : UInt32(digits: words[4])
        else { throw line.error(expected: "nine columns, with an interface and an inode") }
        (interface, self.inode) = (index == 0 ? nil : index, inode)
    }
}

extension KernelRoot {
    /// Empty where the kernel has no packet sockets.
    /// - Parameter process: its folder below `proc`.
    func packetSockets(of process: String) throws(KernelFileError) -> [PacketSocket] {
        var sockets: [PacketSocket] = []
        do {
            try lines(of: "proc/\(process)/net/packet") { line throws(FormatError) in
                if line.number > 1 { sockets.append(try PacketSocket(parsing: line)) }
            }
        } catch { if !error.isEnd { throw error } }
        return sockets
    }

    /// The network interfaces by index: those of the namespace that sysfs was mounted in.
    func interfaces() throws(KernelFileError) -> [UInt32: String] {
        let folder = "sys/class/net"
        guard exists(folder) else { return [:] }
        var interfaces: [UInt32: String] = [:]
        for name in try names(in: folder).sorted() where exists("\(folder)/\(name)/ifindex") {
            let index = try parsed("\(folder)/\(name)/ifindex") { content throws(FormatError) in
                try content.number("the index of an interface")
            }
            if let index = UInt32(exactly: index) { interfaces[index] = name }
        }
        return interfaces
    }
}
