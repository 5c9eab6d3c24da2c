import PageModel
import Testing

@Test(arguments: [4096, 16 << 10, 64 << 10, 2 << 20, 32 << 20, 1 << 30, 16 << 30, 1 << 63] as [UInt64])
func powerOfTwoIsPageSize(bytes: UInt64) {
    #expect(PageSize(bytes: bytes)?.bytes == bytes)
}

@Test(arguments: [0, 1, 2, 2048, 4095, 4097, 6144, 12288, (2 << 20) + 1, .max - 1, .max] as [UInt64])
func otherNumberIsNone(bytes: UInt64) {
    #expect(PageSize(bytes: bytes) == nil)
}

private func size(_ bytes: UInt64) throws -> PageSize { try #require(PageSize(bytes: bytes)) }

private let counts: [(UInt64, UInt64, UInt64)] = [
    (2 << 20, 4096, 512),
    (1 << 30, 4096, 262_144),
    (1 << 30, 2 << 20, 512),
    (64 << 10, 4096, 16),  // arm64
    (16 << 30, 64 << 10, 262_144),  // ppc64
    (4096, 4096, 1),
    (4096, 64 << 10, 0),  // smaller than the base page: none fits
    (1 << 63, 4096, 1 << 51),
]

@Test(arguments: counts) func countOfBasePages(bytes: UInt64, base: UInt64, count: UInt64) throws {
    #expect(try size(bytes).count(of: size(base)) == count)
}

private let amounts: [(UInt64, UInt64, UInt64)] = [
    (2 << 20, 0, 0),
    (2 << 20, 3, 6 << 20),
    (1 << 30, 1024, 1 << 40),
    (2 << 20, 1 << 43 - 1, UInt64.max - (2 << 20) + 1),
    (2 << 20, 1 << 43, .max),  // 2^64 is one too many
    (4096, .max, .max),
    (1 << 63, 1, 1 << 63),
    (1 << 63, 2, .max),
]

@Test(arguments: amounts) func amountSaturates(bytes: UInt64, pages: UInt64, amount: UInt64) throws {
    #expect(try size(bytes).amount(of: pages) == ByteCount(amount))
}

@Test func sizesOrderAndRead() throws {
    let sizes = try [1 << 30, 4096, 2 << 20].map { try size($0) }.sorted()
    #expect(sizes.map(\.description) == ["4 KiB", "2 MiB", "1 GiB"])
    #expect(PageSize.fourKiB == sizes[0])
}
