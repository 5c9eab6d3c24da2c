import Observations
import PageModel

extension HugetlbFile.Identity {
    /// Of what a descriptor or a mapping leads to. Nil for a System V segment of an IPC namespace that cannot be told: there
    /// the `inode` is no inode but an id that namespaces use again.
    /// - Parameters:
    ///   - name: what the kernel calls it. Only on a device that is mounted nowhere does nobody else give names.
    ///   - internalDevices: those; empty where they are not known, and names alone have to tell.
    init?(
        _ device: DeviceNumber, _ inode: UInt64, name: () -> ForeignText, internalDevices: [DeviceNumber: PageSize],
        ipcNamespace: () -> UInt64?
    ) {
        self.init(device: device, inode: inode)
        let isInternal = internalDevices.isEmpty || internalDevices[device] != nil
        guard isInternal, name().bytes.starts(with: "/SYSV".utf8) else { return }
        guard let namespace = ipcNamespace() else { return nil }
        self.ipcNamespace = namespace
    }

    /// Of the file behind a mapping.
    init?(_ mapping: Mapping, internalDevices: [DeviceNumber: PageSize], ipcNamespace: () -> UInt64?) {
        guard let device = mapping.deviceNumber else { return nil }
        self.init(
            device, mapping.inode, name: { mapping.name }, internalDevices: internalDevices, ipcNamespace: ipcNamespace)
    }
}
