import Observations
import PageModel

/// `/proc/buddyinfo`: how many free blocks of each order each zone has.
/// Source: kernel `mm/vmstat.c`, `frag_show_print`; `Documentation/filesystems/proc.rst`.
struct Buddyinfo {
    /// All zones of a node together.
    private(set) var nodes: [NodeID: FreeBlock] = [:]

    /// - Parameter base: a block of order N is 2^N such pages.
    init(parsing content: [UInt8], base: PageSize) throws(FormatError) {
        let expected = "Node N, zone NAME and a count for each order"
        try content.eachLine { line throws(FormatError) in
            let words = line.words
            guard words.count > 4, words[0].elementsEqual("Node".utf8), words[1].last == UInt8(ascii: ","),
                words[2].elementsEqual("zone".utf8), let id = Int(digits: words[1].dropLast()),
                words.count - 5 < base.bytes.leadingZeroBitCount
            else { throw line.error(expected: expected) }
            var block = nodes[NodeID(id)] ?? FreeBlock(largest: 0, limit: 0)
            for (order, word) in words[4...].enumerated() {
                let size = base.bytes << UInt64(order)
                if try line.number(in: word, expected) > 0 { block.largest = max(block.largest, size) }
                block.limit = max(block.limit, size)
            }
            nodes[NodeID(id)] = block
        }
    }
}

extension KernelRoot {
    /// The largest free block of each node. Empty where a saved tree lacks the file.
    func freeBlocks(base: PageSize) throws(KernelFileError) -> [NodeID: FreeBlock] {
        guard exists("proc/buddyinfo") else { return [:] }
        return try parsed("proc/buddyinfo") { content throws(FormatError) in
            try Buddyinfo(parsing: content, base: base).nodes
        }
    }
}
