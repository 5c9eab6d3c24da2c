/// One line of `/proc/PID/maps`: one mapping of an address space.
/// Source: kernel `Documentation/filesystems/proc.rst`, `fs/proc/task_mmu.c`.
public struct Mapping: Hashable, Sendable {
    /// Unit: bytes of the process's virtual address space.
    public var addresses: Range<UInt64>
    /// As printed: `rw-s`; the last letter is `s` for MAP_SHARED, `p` for MAP_PRIVATE.
    public var permissions: ForeignText
    /// Unit: bytes.
    public var offset: UInt64
    /// `major:minor` in hexadecimal, as printed. With `inode` it identifies the file.
    public var device: ForeignText
    /// For System V memory the segment's id.
    public var inode: UInt64
    /// The file's path, or the kernel's word for it; newlines in it come as `\012`. Empty for anonymous memory.
    public var name: ForeignText

    public init(
        addresses: Range<UInt64>, permissions: ForeignText, offset: UInt64 = 0,
        device: ForeignText = ForeignText("00:00"),
        inode: UInt64 = 0, name: ForeignText = ForeignText("")
    ) {
        (self.addresses, self.permissions, self.offset) = (addresses, permissions, offset)
        (self.device, self.inode, self.name) = (device, inode, name)
    }

    public var isShared: Bool { permissions.bytes.last == UInt8(ascii: "s") }

    /// Whether the mapping has a file behind it, as all hugetlb memory does; the kernel's own areas are in brackets.
    public var hasFile: Bool { inode != 0 || !(name.bytes.isEmpty || name.bytes.first == UInt8(ascii: "[")) }
}
