import Audit
import KernelFiles
import TestSupport

/// The report on a fixture, taken as a live audit would be.
func audit(_ tree: FixtureTree, scope: Scope = Scope(), failOn: Severity = .warning) throws -> AuditReport {
    let machine = try HugetlbMachine(tree.root)
    let observation = machine.observe { Settling($0, nodes: machine.nodes, host: machine.host).next }
    return AuditReport(judging: observation, scope: scope, failOn: failOn)
}

/// The report on the invented machine after a change.
func audit(_ change: (inout InventedMachine) -> Void = { _ in }) -> AuditReport {
    var machine = InventedMachine()
    change(&machine)
    return AuditReport(judging: machine.observation)
}
