/// Something that the audit wanted to read and could not. It makes the view partial.
public struct Unread: Hashable, Sendable {
    /// The witness that is missing; the one that the report misses most comes first.
    public enum Subject: Int, Hashable, Comparable, Sendable {
        case ledger
        case topology
        case census
        case pageTables
        case holders
        case cgroups
        case configuration
        public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }
    public var subject: Subject
    /// What is missing from the report for it: `the physical census`.
    public var what: String
    public var path: ForeignText
    /// What the system answered.
    public var reason: String
    /// What the person at the terminal can do.
    public var remedy: String
    public init(_ subject: Subject, what: String, path: ForeignText, reason: String, remedy: String) {
        (self.subject, self.what, self.path, self.reason, self.remedy) = (subject, what, path, reason, remedy)
    }
}
