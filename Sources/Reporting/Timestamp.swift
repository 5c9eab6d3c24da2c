import FoundationEssentials

/// RFC 3339, UTC. Nil outside the years 1970 to 9999: a file may say that it was made at any time.
/// - Parameter seconds: since 1970.
func timestamp(_ seconds: Double) -> String? {
    (0..<253_402_300_800).contains(seconds) ? Date(timeIntervalSince1970: seconds).ISO8601Format() : nil
}
