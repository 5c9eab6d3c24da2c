public import PageModel

/// The memory blocks of sysfs and their links in each node's folder. A block that two nodes share has a link in both.
/// Source: kernel `Documentation/admin-guide/mm/memory-hotplug.rst`.
extension KernelRoot {
    private static let memory = "sys/devices/system/memory"

    /// Which frames lie on which node, by blocks and by zones. Offline blocks are in it: their frames read as holes.
    public func nodeMap(of nodes: [NodeID], base: PageSize, zones: [NodeRange]) throws(KernelFileError) -> NodeMap {
        let blocks = try memoryBlocks(of: nodes, base: base)
        return NodeMap(blocks: blocks, zones: zones)
    }

    /// Empty where the kernel was built without memory hotplug.
    private func memoryBlocks(
        of nodes: [NodeID], base: PageSize
    ) throws(KernelFileError) -> [(frames: Range<UInt64>, nodes: [NodeID])] {
        let sizeFile = "\(Self.memory)/block_size_bytes"
        guard exists(sizeFile) else { return [] }
        let bytes = try parsed(sizeFile) { content throws(FormatError) in
            let expected = "a block size in hexadecimal bytes, at least a base page"
            let size = try content.number(radix: 16, expected)
            guard size >= base.bytes else { throw TextLine(content[...].trimmed, number: 1).error(expected: expected) }
            return size
        }
        let pages = bytes / base.bytes
        var owners: [UInt64: [NodeID]] = [:]
        for node in nodes {
            for name in try names(in: "\(Self.nodes)/node\(node)") {
                guard let block = UInt64(name, after: "memory") else { continue }
                guard block < PFN.most / pages else {
                    let expected = "the number of a memory block of \(bytes) bytes"
                    throw KernelFileError(
                        path("\(Self.nodes)/node\(node)"), FormatError(line: 1, bytes: name.utf8, expected: expected))
                }
                owners[block, default: []].append(node)
            }
        }
        return owners.sorted { $0.key < $1.key }.map { ($0.key * pages..<($0.key + 1) * pages, $0.value) }
    }
}
