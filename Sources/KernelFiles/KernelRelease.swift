import Observations

/// The version at the head of a kernel's release: 6.18 of `6.18.44-generic`.
struct KernelRelease: Hashable, Comparable {
    let major: UInt32
    let minor: UInt32
    init(_ major: UInt32, _ minor: UInt32) { (self.major, self.minor) = (major, minor) }

    /// Nil where the release does not begin with two numbers.
    init?(parsing release: ForeignText) {
        let parts = release.bytes.split(maxSplits: 2, omittingEmptySubsequences: false) { $0 == UInt8(ascii: ".") }
        guard parts.count > 1, let major = UInt32(digits: parts[0]),
            let minor = UInt32(digits: parts[1].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        self.init(major, minor)
    }

    static func < (left: Self, right: Self) -> Bool { (left.major, left.minor) < (right.major, right.minor) }
}
