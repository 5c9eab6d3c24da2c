import Observations
import PageModel

/// How many huge pages the machine was asked for, wherever it says so: in the kernel's command line, in files of sysctl.d
/// and tmpfiles.d, in units of systemd.
extension KernelRoot {
    /// In the order in which a starting machine comes to them. Empty where nothing is asked for.
    /// - Parameter release: the kernel's, which decides what it understands.
    func poolRequests(release: ForeignText, unread: inout [Unread]) -> [PoolRequest] {
        var commandLine: KernelCommandLine?
        unread.collectConfiguration { () throws(KernelFileError) in commandLine = try kernelCommandLine() }
        let settings = requestsOfSysctl(unread: &unread) + requestsOfTmpfiles(unread: &unread)
        let services = SystemdUnits(self)
        unread += services.unread
        let units = services.requests
        let booted = commandLine?.requests ?? []
        guard !booted.isEmpty || !settings.isEmpty || !units.isEmpty else { return [] }
        let known = (try? meminfo())?.fields["Hugepagesize"].flatMap(PageSize.init(bytes:))
        let asked = commandLine?.defaultSize
        func request(_ source: PoolRequest.Source, _ size: PageSize?, _ path: String, _ asked: RequestedPages)
            -> PoolRequest?
        {
            (asked.size ?? size).map { size in
                PoolRequest(
                    source, size: size, node: asked.node, pages: asked.pages,
                    path: ForeignText(path.hasPrefix("/") ? path : "/" + path), text: asked.text)
            }
        }
        let knowsNodes = KernelRelease(parsing: release).map { $0 >= KernelRelease(5, 16) } ?? true
        return booted.compactMap { pages in
            var request = request(.commandLine, asked ?? known, "proc/cmdline", pages)
            request?.isUnderstood = pages.node == nil || knowsNodes
            return request
        }
            + settings.compactMap { request(.settings, known ?? asked, $0.path, $0.asked) }
            + units.compactMap { request(.units, known ?? asked, $0.path, $0.asked) }
    }
}
