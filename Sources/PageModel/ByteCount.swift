/// An amount of memory. Unit: bytes. Prints in IEC units, as a person reads it: `512 MiB`, `1.5 GiB`.
public struct ByteCount: Hashable, Sendable, CustomStringConvertible {
    public let bytes: UInt64
    public init(_ bytes: UInt64) { self.bytes = bytes }

    private static let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]

    /// The largest unit that leaves at least 1, with one decimal place where the amount is not whole: it is cut, not rounded.
    public var description: String {
        let step = min(bytes == 0 ? 0 : (63 - bytes.leadingZeroBitCount) / 10, Self.units.count - 1)
        let unit = UInt64(1) << (10 * UInt64(step))
        let (whole, rest) = bytes.quotientAndRemainder(dividingBy: unit)
        return rest == 0 ? "\(whole) \(Self.units[step])" : "\(whole).\(rest * 10 / unit) \(Self.units[step])"
    }
}
