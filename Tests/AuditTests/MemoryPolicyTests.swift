import Observations
import PageModel
import Testing

@testable import Audit

private let policies: [(String, MemoryPolicy.Mode?, [Int])] = [
    ("default", .default, []),
    ("local", .local, []),
    ("prefer:1", .prefer, [1]),
    ("prefer (many):0-1", .preferMany, [0, 1]),
    ("bind:0-1,3", .bind, [0, 1, 3]),
    ("bind=static:0,2", .bind, [0, 2]),
    ("bind=relative:5", .bind, [5]),
    ("bind=balancing|static:0-2", .bind, [0, 1, 2]),
    ("interleave:0-3", .interleave, [0, 1, 2, 3]),
    ("weighted interleave:0-1", .weightedInterleave, [0, 1]),
    ("bind:3,1,1-2", .bind, [1, 2, 3]),
    ("bind:1023", .bind, [1023]),
    // What no kernel prints.
    ("", nil, []),
    (":", nil, []),
    ("entangled:0-1", nil, [0, 1]),
    ("Bind:0", nil, [0]),
    ("bind:", .bind, []),
    ("bind:1024", .bind, []),
    ("bind:0-99999999999999999999", .bind, []),
    ("bind:2-1", .bind, []),
    ("bind:0-1-2", .bind, []),
    ("bind:0,,1", .bind, []),
    ("bind:-1", .bind, []),
    ("bind:+1", .bind, []),
    ("bind:0:1", .bind, []),
    ("bind:0 1", .bind, []),
]

@Test(arguments: policies) func memoryPolicy(_ text: String, mode: MemoryPolicy.Mode?, nodes: [Int]) {
    let policy = MemoryPolicy(ForeignText(text))
    #expect(policy.mode == mode)
    #expect(policy.nodes == nodes.map { NodeID($0) })
    #expect(policy.text == ForeignText(text))
}

@Test func memoryPolicyOfAnyBytes() {
    #expect(MemoryPolicy(ForeignText([0xff, 0x3a, 0x30])).mode == nil)
    #expect(MemoryPolicy(ForeignText(Array("bind:".utf8) + [0xff])).nodes.isEmpty)
}
