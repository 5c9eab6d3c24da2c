import Glibc
public import Observations
import PageModel

/// Who the machine is: its name, its kernel and its base page size.
extension KernelRoot {
    /// The host's name and kernel release are empty where a saved tree lacks them.
    public func host(zones: Zoneinfo?) -> HostObservation {
        let text = { (file: String) in ForeignText((try? contents(of: file))?[...].trimmed ?? []) }
        return HostObservation(
            name: text("proc/sys/kernel/hostname"), release: text("proc/sys/kernel/osrelease"),
            basePageSize: basePageSize(zones: zones))
    }

    /// Of the live machine what `sysconf` says; of a saved tree MemTotal over the pages that all zones manage, which is
    /// within a few percent of it; 4 KiB where neither is known.
    private func basePageSize(zones: Zoneinfo?) -> PageSize {
        if isLive { return PageSize(bytes: UInt64(sysconf(Int32(_SC_PAGESIZE)))) ?? .fourKiB }
        guard let managed = zones?.managed, managed > 0, let total = try? meminfo().fields["MemTotal"] else {
            return .fourKiB
        }
        let known = (12...16).compactMap { PageSize(bytes: 1 << $0) }
        return known.last { $0.bytes <= total / managed + $0.bytes / 4 } ?? .fourKiB
    }
}
