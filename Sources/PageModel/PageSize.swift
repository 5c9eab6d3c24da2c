/// A page size that hardware can map: a power of two, at least 4 KiB. Unit: bytes.
public struct PageSize: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let bytes: UInt64

    /// Nil where `bytes` is no power of two or below 4 KiB: no hardware that Linux runs on maps such a page.
    public init?(bytes: UInt64) {
        guard bytes >= 4096, bytes.nonzeroBitCount == 1 else { return nil }
        self.bytes = bytes
    }

    public static let fourKiB = Self(unchecked: 4096)
    private init(unchecked bytes: UInt64) { self.bytes = bytes }

    /// How many pages of `base` one page of this size covers: 512 for 2 MiB over 4 KiB.
    public func count(of base: PageSize) -> UInt64 { bytes / base.bytes }

    /// What `pages` of this size amount to; the largest amount there is where the product is larger.
    public func amount(of pages: UInt64) -> ByteCount {
        let (product, isTooBig) = bytes.multipliedReportingOverflow(by: pages)
        return ByteCount(isTooBig ? .max : product)
    }

    public static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }

    /// In IEC units: `2 MiB`.
    public var description: String { ByteCount(bytes).description }
}
