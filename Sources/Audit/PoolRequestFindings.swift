import Observations
import PageModel

/// The rule that holds what was asked of the pools against what they have.
struct PoolRequestFindings {
    let requests: [PoolRequest]
    let ledger: Ledger
    let nodes: [NodeObservation]
    let freeBlocks: [NodeID: FreeBlock]
    /// Sizes whose counters moved.
    let movingSizes: Set<PageSize>

    var findings: [Finding] {
        Set(requests.map(\.size)).sorted().filter { !movingSizes.contains($0) }.flatMap { size in
            standing(size).compactMap(finding)
        }
    }

    /// Those that no later one replaced. One for the whole machine sets the pages of all nodes. One for a single node
    /// changes the machine's sum: of what was asked for the whole, it is then not known what the other nodes should have.
    private func standing(_ size: PageSize) -> [PoolRequest] {
        var machine: PoolRequest?
        var single: [NodeID: PoolRequest] = [:]
        for request in requests where request.size == size {
            if let node = request.node {
                (machine, single[node]) = (nil, request)
            } else {
                (machine, single) = (request, [:])
            }
        }
        return (machine.map { [$0] } ?? []) + single.sorted { $0.key < $1.key }.map(\.value)
    }

    private func finding(_ request: PoolRequest) -> Finding? {
        guard let got = got(request), request.pages > got.pages else { return nil }
        let amount = Amount(request.pages, request.size)
        let place = request.node.map { " on node \($0)" } ?? ""
        return Finding(
            .poolShortfall, .warning, node: request.node, pageSize: request.size, pages: request.pages - got.pages,
            "\(amount) \(request.pages == 1 ? "was" : "were") asked for\(place) and \(got.says)",
            evidence: [Evidence(.configuration, request.path.escaped, request.text.escaped(limit: 120))]
                + counters(request) + blocks(request),
            remedy: got.correction.map { "Correct \(Self.place(of: request)): \($0)" }
                ?? remedy(request, lacking: request.pages - got.pages))
    }

    private static func place(of request: PoolRequest) -> String {
        request.source == .commandLine ? "the kernel command line" : request.path.escaped(limit: 80)
    }

    /// What became of a request.
    private struct Outcome {
        /// That were allocated to stay: surplus is not among them.
        var pages: UInt64 = 0
        var says: String
        /// What has to be put right before any page can be had; nil where nothing has.
        var correction: String?
    }

    /// Nil where it is not known.
    private func got(_ request: PoolRequest) -> Outcome? {
        let size = request.size
        guard let global = ledger.global[size] else {
            guard ledger.isGlobalComplete else { return nil }
            let sizes = ledger.global.keys.sorted().map(\.description).joined(separator: " and ")
            return Outcome(
                says: "this kernel has no pages of that size", correction: "it has pages of \(sizes)")
        }
        guard let node = request.node else {
            return Outcome(pages: global.counts.persistent, says: "the machine has \(global.counts.says)")
        }
        guard nodes.contains(where: { $0.id == node }) else {
            let ids = nodes.map(\.id.description).joined(separator: ", ")
            return nodes.isEmpty
                ? nil
                : Outcome(
                    says: "there is no such node",
                    correction: "this machine has node\(nodes.count == 1 ? "" : "s") \(ids)")
        }
        let pool = Pool(node: node, size: size)
        if ledger.unreadPools.contains(pool) { return nil }
        let counts =
            ledger.nodes[pool] ?? NodeHugepages(nrHugepages: 0, freeHugepages: 0, surplusHugepages: 0)
        let form = request.isUnderstood ? "" : ": mainline kernels before 5.16 know no counts for single nodes"
        return Outcome(pages: counts.persistent, says: "it has \(counts.says)\(form)")
    }

    /// The counters of the node, or of the machine and each of its nodes.
    private func counters(_ request: PoolRequest) -> [Evidence] {
        let pools = ledger.nodes.sorted { $0.key < $1.key }
            .filter { $0.key.size == request.size && $0.key.node == request.node ?? $0.key.node }
        let whole = request.node == nil ? ledger.global[request.size] : nil
        return (whole.map { [Evidence(.ledger, request.size.folder + "nr_hugepages", $0.counts.evidence)] } ?? [])
            + pools.map { Evidence(.ledger, $0.key.folder + "nr_hugepages", $0.value.evidence) }
    }

    private func blocks(_ request: PoolRequest) -> [Evidence] {
        freeBlocks.sorted { $0.key < $1.key }.filter { $0.key == request.node ?? $0.key }.map { node, block in
            let more =
                block.limit < request.size.bytes && block.largest == block.limit ? ", and larger ones are not told" : ""
            return Evidence(
                .ledger, "/proc/buddyinfo",
                block.largest == 0
                    ? "no block of memory is free on node \(node)"
                    : "the largest free block on node \(node) is \(ByteCount(block.largest))\(more)")
        }
    }

    private func remedy(_ request: PoolRequest, lacking: UInt64) -> String {
        let folder = request.node.map { Pool(node: $0, size: request.size).folder } ?? request.size.folder
        let set = "echo \(request.pages) > \(folder)nr_hugepages"
        let choice = "or correct \(Self.place(of: request))"
        guard let obstacle = obstacle(request, lacking: request.size.amount(of: lacking)) else {
            return "\(set)  # \(choice)"
        }
        return "echo 1 > /proc/sys/vm/compact_memory; \(set)  # \(obstacle), \(choice)"
    }

    /// Why the pages cannot simply be had; nil where nothing speaks against it.
    private func obstacle(_ request: PoolRequest, lacking: ByteCount) -> String? {
        let size = request.size
        // No machine is without memory: it is not known.
        guard nodes.contains(where: { $0.memoryBytes > 0 }) else { return nil }
        let free = nodes.filter { $0.id == request.node ?? $0.id }.reduce(0) { $0 &+ $1.freeBytes }
        let blocks = freeBlocks.filter { $0.key == request.node ?? $0.key }.map(\.value)
        let isEnough = free >= lacking.bytes
        if isEnough, blocks.isEmpty || blocks.contains(where: { $0.largest >= size.bytes }) { return nil }
        let isGigantic = blocks.contains { $0.limit < size.bytes }
        let place = request.node.map { "node \($0)" } ?? "the machine"
        let why =
            !isEnough
            ? "\(place) has \(ByteCount(free)) free and the missing pages need \(lacking): end programs"
            : isGigantic
                ? "it works where \(place) has \(size) in one piece" : "the free memory of \(place) is in pieces"
        let count = (request.node.map { "\($0):" } ?? "") + "\(request.pages)"
        let boot = "hugepagesz=\(size.bytes / 1024)K hugepages=\(count)"
        return isGigantic && request.source > .commandLine
            ? "\(why); at boot more of it is whole: \(boot) on the kernel command line" : why
    }
}

extension NodeHugepages {
    fileprivate var persistent: UInt64 { nrHugepages - min(surplusHugepages, nrHugepages) }
    fileprivate var says: String {
        (persistent == 0 ? "none" : "\(persistent)")
            + (surplusHugepages > 0 ? " besides \(surplusHugepages) of surplus" : "")
    }
    fileprivate var evidence: String {
        "\(nrHugepages)" + (surplusHugepages > 0 ? ", of which \(surplusHugepages) are surplus" : "")
    }
}
