import Observations
import PageModel
import Testing

@testable import Audit

private let mebibyte: UInt64 = 1 << 20

/// A mapping under settings, and whether huge pages can be there. The kernel 6.18 agreed with each where `kernel` is given.
struct EligibilityCase: CustomTestStringConvertible, Sendable {
    var start: UInt64 = 64
    var size: UInt64 = 4
    var name = ""
    var permissions = "rw-p"
    var offset: UInt64 = 0
    var flags: String? = ""
    /// `enabled`, that of 2 MiB, that of 64 KiB, `shmem_enabled`.
    var settings = "always inherit never never"
    var isEnabled: Bool? = true
    var kernel: Bool?
    var content: PageContent?
    var expected: TransparentEligibility?

    var testDescription: String { "\(name) \(size) \(flags ?? "?") \(settings) → \(expected.map { "\($0)" } ?? "nil")" }

    var observation: MappingObservation {
        var mapping = MappingObservation(
            Mapping(
                addresses: (start * mebibyte)..<((start + size) * mebibyte), permissions: ForeignText(permissions),
                offset: offset, inode: name.hasPrefix("/") ? 1 : 0, name: ForeignText(name)))
        mapping.vmFlags = flags.map { $0.split(separator: " ").map(String.init) }
        mapping.isEligible = kernel
        if let content {
            let amount = PageAmount(node: nil, kind: .base, size: .fourKiB, content: content, pages: 1, bytes: 4096)
            mapping.pages.add(amount)
        }
        return mapping
    }

    var transparent: TransparentSettings {
        let words = settings.split(separator: " ").map(String.init)
        var settings = TransparentSettings()
        settings.pmdSize = PageSize(bytes: 2 * mebibyte)
        (settings.enabled, settings.shmemEnabled) = (words[0], words[3])
        for (size, word) in [(2 * mebibyte, words[1]), (mebibyte / 16, words[2])] {
            settings.sizes[PageSize(bytes: size)!] = word
        }
        return settings
    }
}

private let advised = "madvise inherit never advise"
private let never = TransparentEligibility.never(setting: "enabled: never")
private let memfd = "/memfd:m (deleted)"

private let anonymous: [EligibilityCase] = [
    .init(kernel: true, expected: .eligible),
    .init(expected: .eligible),
    .init(flags: nil, expected: .eligible),
    .init(flags: nil, settings: advised, expected: .unknown),
    .init(settings: advised, kernel: false, expected: .notAdvised),
    .init(flags: "rd wr hg", settings: advised, kernel: true, expected: .eligible),
    .init(flags: "rd nh", kernel: false, expected: .disabledByAdvice),
    .init(flags: "nh", isEnabled: false, kernel: false, expected: .disabledByProcess),
    .init(isEnabled: nil, expected: .eligible),
    .init(settings: "never inherit never never", kernel: false, expected: never),
    .init(flags: "hg", settings: "never inherit never never", kernel: false, expected: never),
    .init(settings: "never always never never", kernel: true, expected: .eligible),
    .init(
        settings: "always never never never", kernel: false,
        expected: .never(setting: "hugepages-2048kB/enabled: never")),
    .init(settings: "always madvise never never", kernel: false, expected: .notAdvised),
    .init(size: 1, kernel: false, expected: .tooSmall),
    .init(start: 65, size: 2, kernel: false, expected: .unaligned),
    .init(start: 65, size: 3, kernel: true, expected: .eligible),
    .init(offset: 4096, expected: .eligible),
    .init(name: "[heap]", kernel: true, expected: .eligible),
    .init(name: "[anon:named]", kernel: true, expected: .eligible),
    .init(size: 1, name: "[stack]", kernel: false, expected: .tooSmall),
    .init(name: "[vdso]", kernel: false, expected: .special),
    .init(flags: "rd pf io de dd", kernel: false, expected: .special),
    .init(permissions: "---p", kernel: true, expected: nil),
    .init(permissions: "---p", kernel: true, content: .anonymous, expected: .eligible),
    .init(name: "/dev/zero", offset: 4096, kernel: true, expected: .eligible),
    // PR_SET_THP_DISABLE with PR_THP_DISABLE_EXCEPT_ADVISED.
    .init(kernel: false, expected: .notAdvised),
    .init(flags: "hg", kernel: false, expected: .special),
    // The kernel's word is of every size of folio.
    .init(size: 1, settings: "madvise inherit always never", kernel: true, expected: .tooSmall),
    .init(settings: "madvise inherit always never", kernel: true, expected: .notAdvised),
    // A rule that is not known here.
    .init(settings: "sometimes inherit never never", kernel: true, expected: .eligible),
    .init(settings: "sometimes inherit never never", expected: .unknown),
]

private let backed: [EligibilityCase] = [
    .init(name: memfd, settings: "never never never always", kernel: true, expected: .eligible),
    .init(name: memfd, kernel: false, expected: .never(setting: "shmem_enabled: never")),
    .init(
        name: memfd, settings: "always inherit never deny", kernel: false,
        expected: .never(setting: "shmem_enabled: deny")),
    .init(name: memfd, settings: advised, kernel: false, expected: .notAdvised),
    .init(name: memfd, flags: nil, settings: advised, expected: .unknown),
    .init(name: memfd, flags: "hg", settings: advised, kernel: true, expected: .eligible),
    .init(name: memfd, settings: "madvise inherit never force", kernel: true, expected: .eligible),
    .init(name: memfd, settings: "madvise inherit never within_size", kernel: false, expected: .file),
    .init(name: memfd, offset: 4096, settings: "always inherit never always", kernel: false, expected: .unaligned),
    .init(
        name: memfd, offset: 2 * mebibyte, settings: "always inherit never always", kernel: true, expected: .eligible),
    .init(name: "/SYSV00000000 (deleted)", settings: "never inherit never always", kernel: true, expected: .eligible),
    .init(name: "/dev/zero (deleted)", permissions: "rw-s", settings: advised, kernel: false, expected: .notAdvised),
    .init(
        name: "/dev/shm/a", settings: "always inherit never always", kernel: false, content: .shared, expected: .file),
    .init(
        name: "/dev/shm/a", settings: "never inherit never force", kernel: true, content: .shared, expected: .eligible),
    .init(
        name: "/dev/shm/a", settings: "always inherit never deny", kernel: false, content: .shared,
        expected: .never(setting: "shmem_enabled: deny")),
    .init(name: "/usr/lib/libc.so.6", kernel: false, expected: .file),
    .init(name: "/usr/lib/libc.so.6", settings: "never inherit never never", kernel: false, expected: never),
    .init(name: "/usr/lib/libc.so.6", settings: advised, kernel: false, expected: .notAdvised),
    .init(name: "/mnt/dax/a", flags: "mm hg", kernel: true, expected: .eligible),
]

@Test(arguments: anonymous + backed) func transparentEligibility(_ row: EligibilityCase) {
    #expect(TransparentEligibility(of: row.observation, isEnabled: row.isEnabled, row.transparent) == row.expected)
}

@Test func eligibilityWithoutTheFeature() {
    var mapping = EligibilityCase().observation
    #expect(TransparentEligibility(of: mapping, isEnabled: nil, TransparentSettings()) == .unsupported)
    mapping.hugetlbSize = PageSize(bytes: 2 * mebibyte)
    #expect(TransparentEligibility(of: mapping, isEnabled: nil, TransparentSettings()) == nil)
}

/// The ends of the address space, and beyond.
@Test(arguments: [0..<UInt64.max, (.max - 2 * mebibyte)..<UInt64.max, 5..<5])
func eligibilityAtTheEdges(_ addresses: Range<UInt64>) {
    var row = EligibilityCase().observation
    row.mapping.addresses = addresses
    (row.mapping.offset, row.mapping.inode) = (.max, 1)
    #expect(TransparentEligibility(of: row, isEnabled: nil, EligibilityCase().transparent) != nil)
}
