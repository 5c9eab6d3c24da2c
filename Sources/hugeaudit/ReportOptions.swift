public import ArgumentParser
import Audit
import PageModel
import SystemPackage

/// The options that every command has which ends with a verdict.
struct ReportOptions: ParsableArguments {
    @Option(help: "The least severity that makes the exit status 1: note, warning or error.")
    var failOn = Severity.warning

    @Option(help: ArgumentHelp("Only this node; can be repeated.", valueName: "N"))
    var node: [Int] = []

    @Flag(name: .shortAndLong, help: "Print nothing: the exit status tells.")
    var quiet = false

    @Flag(help: "No colours, not on a terminal either.")
    var noColor = false

    var isColoured: Bool { !noColor && Output.wantsColour(.standardOutput) }

    /// The nodes that are meant; nil for all. Refuses one that the machine does not have and lists what it has.
    func nodes(of known: [NodeID]) throws -> Set<NodeID>? {
        for id in node where !known.contains(NodeID(id)) {
            throw ValidationError("There is no node \(id). This machine has \(Self.list("node", known))")
        }
        return node.isEmpty ? nil : Set(node.map { NodeID($0) })
    }

    /// `nodes 0, 1`
    static func list(_ word: String, _ items: [some CustomStringConvertible]) -> String {
        "\(word)\(items.count == 1 ? "" : "s") \(items.map(\.description).joined(separator: ", "))"
    }

    /// Prints the report, and ends with the exit status of its verdict.
    func finish(_ verdict: Verdict, _ text: () throws -> String) throws {
        if !quiet { Output.write(try text()) }
        switch verdict.level {
        case .clean: break
        case .findings: throw ExitCode(1)
        case .partial: throw ExitCode(3)
        }
    }
}

extension Severity: ExpressibleByArgument {}
