/// `/proc/vmstat`: the counters of the whole machine, in the form of a node's `vmstat`.
/// Source: kernel `mm/vmstat.c`, `Documentation/core-api/pin_user_pages.rst`.
extension KernelRoot {
    /// All counters, by name.
    func vmstat() throws(KernelFileError) -> [String: UInt64] { try parsed("proc/vmstat", by: vmstatCounters) }
}

/// `nr_foll_pin_acquired` less `nr_foll_pin_released`: how many pins last, in units that differ between kernels. What
/// each CPU counts is added up about once a second, so that the difference can be a little off, even below 0. Nil
/// where the kernel does not count pins (before 5.7).
func longTermPins(in vmstat: [String: UInt64]) -> Int64? {
    guard let acquired = vmstat["nr_foll_pin_acquired"], let released = vmstat["nr_foll_pin_released"] else {
        return nil
    }
    return Int64(bitPattern: acquired &- released)
}
