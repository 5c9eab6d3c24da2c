import Testing

@testable import hugeaudit

private let durations: [(String, Int64?)] = [
    ("0ms", 0), ("1ms", 1), ("500ms", 500), ("2s", 2000), ("0s", 0), ("1m", 60_000), ("007s", 7000),
    ("1440m", 86_400_000), ("86400s", 86_400_000), ("86401s", nil), ("86400001ms", nil),
    ("99999999999999999999s", nil), ("5", nil), ("", nil), ("s", nil), ("ms", nil), ("-1s", nil), ("+1s", nil),
    ("1.5s", nil), ("1 s", nil), ("1h", nil), ("1S", nil), ("٣s", nil), ("1s ", nil),
]

@Suite struct DurationArgumentTests {
    @Test(arguments: durations) func lengthOfTime(_ text: String, milliseconds: Int64?) {
        #expect(DurationArgument(argument: text)?.milliseconds == milliseconds)
    }

    @Test(arguments: [(0, "0s"), (10, "10ms"), (2000, "2s"), (1500, "1500ms")] as [(Int64, String)])
    func isShownAsItIsWritten(_ milliseconds: Int64, _ text: String) {
        #expect(DurationArgument(milliseconds: milliseconds).description == text)
        #expect(DurationArgument(argument: text)?.milliseconds == milliseconds)
    }
}
