import Observations
import PageModel

/// What a finding is about of one mapping.
struct MappingShare {
    let mapping: MappingReport
    let amounts: [PageAmount]
    /// Unit: bytes.
    let bytes: UInt64

    init(_ mapping: MappingReport, _ amounts: [PageAmount]) {
        (self.mapping, self.amounts) = (mapping, amounts)
        bytes = amounts.reduce(0) { $0 &+ $1.bytes }
    }

    /// Where the mapping is and what it is called: `0x7f0000000000 /dev/shm/a`
    fileprivate var subject: String {
        let name = mapping.observation.mapping.name
        return "\(hexadecimal(mapping.start)) \(name.bytes.isEmpty ? "anonymous" : name.escaped(limit: 40))"
    }
}

extension [MappingShare] {
    /// Unit: bytes.
    var bytes: UInt64 { reduce(0) { $0 &+ $1.bytes } }

    /// The largest first.
    var ranked: Self { sorted { ($1.bytes, $0.mapping.start) < ($0.bytes, $1.mapping.start) } }

    var mappings: [MappingReport] { map(\.mapping) }

    /// How many pages of which size they are; nil where they are of several, in part, or not classified.
    var ofOneSize: (size: PageSize, pages: UInt64)? {
        let amounts = flatMap(\.amounts)
        guard let size = amounts.first?.size, amounts.allSatisfy({ $0.size == size && $0.kind != nil }) else {
            return nil
        }
        let pages = amounts.reduce(0) { $0 &+ $1.pages }
        return size.amount(of: pages).bytes == bytes ? (size, pages) : nil
    }

    private static var mostShown: Int { 4 }

    /// The first ones each in a line, and how many more there are.
    func evidence(_ path: String, _ says: (MappingShare) -> String) -> [Evidence] {
        let lines = prefix(Self.mostShown).map { Evidence(.pageTables, path, "\($0.subject): \(says($0))") }
        let more = count - lines.count
        return lines + (more > 0 ? [Evidence(.pageTables, path, "\(more) more mappings")] : [])
    }
}
