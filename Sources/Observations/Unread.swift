/// Something that the audit wanted to read and could not. It makes the view partial.
public struct Unread: Hashable, Sendable {
    /// The witness that is missing.
    public enum Subject: Hashable, Sendable {
        case ledger
        case census
        case pageTables
        case topology
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
