/// A page frame number: the index of one base page of physical memory.
/// Unit: base pages of the running kernel (4 KiB on x86-64), never bytes, never huge pages.
/// Source: kernel `Documentation/admin-guide/mm/pagemap.rst`.
public struct PFN: Hashable, Comparable, Sendable {
    public let rawValue: UInt64
    /// More frames than any machine that Linux runs on can address: 64 bits of bytes in 4 KiB pages.
    public static let most: UInt64 = 1 << 52
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
