import Observations
import Testing

@testable import KernelFiles

private let releases: [(String, KernelRelease?)] = [
    ("6.18.44-fc-v657", KernelRelease(6, 18)),
    ("5.10.223", KernelRelease(5, 10)),
    ("6.1.0-28-amd64", KernelRelease(6, 1)),
    ("7.2", KernelRelease(7, 2)),
    ("6.7-rc1", KernelRelease(6, 7)),
    ("5.14.0-503.11.1.el9_5.x86_64", KernelRelease(5, 14)),
    ("4294967295.4294967295", KernelRelease(.max, .max)),
    ("6", nil), ("", nil), (".", nil), ("6.", nil), ("6.x", nil), ("v6.1", nil), ("-6.1", nil), ("6 .1", nil),
    ("4294967296.1", nil), ("6.4294967296", nil),
]

@Test(arguments: releases) func kernelRelease(text: String, release: KernelRelease?) {
    #expect(KernelRelease(parsing: ForeignText(text)) == release)
}

@Test func releasesAreOrdered() {
    let ascending = [(5, 10), (5, 14), (6, 1), (6, 7), (6, 12), (7, 0)].map { KernelRelease($0.0, $0.1) }
    #expect(ascending.shuffled().sorted() == ascending)
}
