public import PageModel

/// `/proc/zoneinfo`: where each zone of each node lies in physical memory.
/// Source: kernel `mm/vmstat.c`, `zoneinfo_show_print`.
public struct Zoneinfo: Hashable, Sendable {
    /// The span of each populated zone, holes included. Unit: PFN.
    public private(set) var spans: [NodeRange] = []
    /// Pages that the buddy allocator manages, all zones together. Unit: base pages.
    public private(set) var managed: UInt64 = 0

    public init(parsing content: [UInt8]) throws(FormatError) {
        var node: NodeID?
        var spanned: UInt64 = 0
        try content.eachLine { line throws(FormatError) in
            let words = line.words
            guard let key = words.first else { return }
            if key.elementsEqual("Node".utf8) {
                guard words.count == 4, let id = Int(digits: words[1].dropLast()), words[1].last == UInt8(ascii: ",")
                else { throw line.error(expected: "Node N, zone NAME") }
                (node, spanned) = (NodeID(id), 0)
            } else if key.elementsEqual("spanned".utf8) {
                spanned = try line.number(in: words.count == 2 ? words[1] : [], "spanned and a count of pages")
            } else if key.elementsEqual("managed".utf8) {
                let pages = try line.number(in: words.count == 2 ? words[1] : [], "managed and a count of pages")
                managed = managed.addingReportingOverflow(pages).partialValue
            } else if key.elementsEqual("start_pfn:".utf8) {
                let start = try line.number(in: words.count == 2 ? words[1] : [], "start_pfn: and a PFN")
                let (end, isTooBig) = start.addingReportingOverflow(spanned)
                guard let node, !isTooBig, end <= PFN.most else {
                    throw line.error(expected: "a zone whose end is a PFN")
                }
                if spanned > 0 { spans.append(NodeRange(frames: start..<end, node: node)) }
            }
        }
    }
}

extension KernelRoot {
    public func zoneinfo() throws(KernelFileError) -> Zoneinfo {
        try parsed("proc/zoneinfo", by: Zoneinfo.init(parsing:))
    }
}
