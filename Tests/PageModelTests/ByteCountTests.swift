import PageModel
import Testing

private let amounts: [(UInt64, String)] = [
    (0, "0 B"),
    (1, "1 B"),
    (1023, "1023 B"),
    (1024, "1 KiB"),
    (1025, "1.0 KiB"),  // not whole: the place says so
    (1536, "1.5 KiB"),
    (2047, "1.9 KiB"),  // cut, not rounded
    (1 << 20 - 1, "1023.9 KiB"),
    (1 << 20, "1 MiB"),
    (512 << 20, "512 MiB"),
    (1 << 30, "1 GiB"),
    (3 << 29, "1.5 GiB"),
    (1 << 40, "1 TiB"),
    (1 << 50, "1 PiB"),
    (1 << 60 - 1, "1023.9 PiB"),
    (1 << 60, "1 EiB"),
    (1 << 63, "8 EiB"),
    (.max, "15.9 EiB"),
]

@Test(arguments: amounts) func byteCount(bytes: UInt64, readsAs text: String) {
    #expect(ByteCount(bytes).description == text)
}
