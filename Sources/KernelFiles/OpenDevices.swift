import Glibc
import Observations
import PageModel
import SystemPackage

/// The devices that a process has open or mapped and that are attached to a node. No device is opened: its number leads to its
/// folder in sysfs. Source: kernel `Documentation/filesystems/sysfs.rst`, `Documentation/driver-api/vfio.rst`.
extension KernelRoot {
    /// - Parameters:
    ///   - process: its folder below `proc`: `12`, or `12/task/13` for one thread with descriptors of its own.
    ///   - mappings: of the process, among which PCI resources are looked for.
    ///   - unread: takes in what was refused.
    /// - Returns: each device once, in the order of their folders, by the name that was met first.
    /// - Throws: where the process has ended.
    func openDevices(
        of process: String, mappings: [Mapping], unread: inout [Unread]
    ) throws(KernelFileError) -> [OpenDevice] {
        var devices = DeviceList(root: self, what: "the devices that process \(process) has open")
        var handles: [Handle] = []
        do {
            if isLive { try liveHandles(of: process, &handles) } else { try savedHandles(of: process, &handles) }
        } catch {
            if isLive, error.isEnd { throw error }
            devices.unread.note(.topology, devices.what, error)
        }
        handles.sort { $0.number < $1.number }
        for handle in handles {
            guard case .device(let device) = handle.target else { continue }
            devices.add(behind: device) { (try? link(ofDescriptor: handle.number, of: process)) ?? ForeignText(device) }
        }
        let sockets = handles.compactMap { if case .socket(let inode) = $0.target { inode } else { nil } }
        devices.addInterfaces(of: Set(sockets), process)
        for mapping in mappings {
            guard let folder = mapping.resourceFolder else { continue }
            devices.add(behind: folder) { mapping.name }
        }
        for entry in devices.unread where !unread.contains(entry) { unread.append(entry) }
        return devices.found.values.sorted { $0.path < $1.path }
    }

    private struct Handle {
        enum Target {
            /// By its link in sysfs.
            case device(String)
            /// By its inode.
            case socket(UInt64)

            init?(_ status: FileStatus) {
                if let device = status.characterDevice {
                    self = .device("sys/dev/char/\(device.major):\(device.minor)")
                } else if let device = status.blockDevice {
                    self = .device("sys/dev/block/\(device.major):\(device.minor)")
                } else if status.isSocket {
                    self = .socket(status.inode)
                } else {
                    return nil
                }
            }
        }
        let number: Int32
        let target: Target
    }

    private func liveHandles(of process: String, _ handles: inout [Handle]) throws(KernelFileError) {
        try forEachDescriptor(of: process) { number, status in
            if let target = Handle.Target(status) { handles.append(Handle(number: number, target: target)) }
        }
    }

    /// In a saved tree the descriptors are links like others, which lead to devices that were saved or nowhere.
    private func savedHandles(of process: String, _ handles: inout [Handle]) throws(KernelFileError) {
        for name in try names(in: "proc/\(process)/fd") {
            guard let number = Int32(digits: name.utf8) else { continue }
            let text = (try? link(ofDescriptor: number, of: process))?.bytes[...] ?? []
            if text.starts(with: "socket:[".utf8), text.last == UInt8(ascii: "]") {
                guard let inode = UInt64(digits: text.dropFirst("socket:[".utf8.count).dropLast()) else { continue }
                handles.append(Handle(number: number, target: .socket(inode)))
            } else if let file = try? FileDescriptor.open("proc/\(process)/fd/\(number)", inRoot: directory) {
                defer { try? file.close() }
                guard let status = try? FileStatus(in: file), let target = Handle.Target(status) else { continue }
                handles.append(Handle(number: number, target: target))
            }
        }
    }
}

/// Devices by their folder, and what of them could not be read.
private struct DeviceList {
    let root: KernelRoot
    let what: String
    var found: [String: OpenDevice] = [:]
    var unread: [Unread] = []
    /// A process can have a device open thousands of times.
    private var seen: Set<String> = []

    init(root: KernelRoot, what: String) { (self.root, self.what) = (root, what) }

    /// - Parameter link: of sysfs, or a folder there.
    mutating func add(behind link: String, name: () -> ForeignText) {
        guard seen.insert(link).inserted else { return }
        do {
            guard let folder = try root.folder(behind: link) else { return }
            for device in try root.attachedDevices(at: folder) where found[device.folder] == nil {
                found[device.folder] = OpenDevice(
                    name: name(), path: ForeignText("/\(device.folder)"), node: device.node)
            }
        } catch { if !error.isEnd { unread.note(.topology, what, error) } }
    }

    /// - Parameter sockets: inodes, of which those of packet sockets lead to an interface.
    mutating func addInterfaces(of sockets: Set<UInt64>, _ process: String) {
        if sockets.isEmpty { return }
        do throws(KernelFileError) {
            let packets = try root.packetSockets(of: process)
            let bound = Set(packets.filter { sockets.contains($0.inode) }.compactMap(\.interface))
            if bound.isEmpty { return }
            // Another namespace's interfaces have the same numbers, and are not in this sysfs.
            if root.isLive, root.namespace(.network, of: process) != root.namespace(.network, of: "self") {
                let path = root.path("proc/\(process)/ns/net")
                throw KernelFileError("look into", path, unanswered: "it is another network namespace than the audit's")
            }
            let interfaces = try root.interfaces()
            for name in bound.sorted().compactMap({ interfaces[$0] }) {
                add(behind: "sys/class/net/\(name)") { ForeignText(name) }
            }
        } catch { if !error.isEnd { unread.note(.topology, what, error) } }
    }
}

extension Mapping {
    /// Of a mapped PCI resource: the device's folder, or a link to it, from the root; nil of any other mapping.
    fileprivate var resourceFolder: String? {
        guard name.bytes.starts(with: "/sys/".utf8), let path = name.path.map({ KernelRoot.plain($0) }),
            let slash = path.lastIndex(of: "/")
        else { return nil }
        var file = path[slash...].dropFirst()
        if file.hasSuffix("_wc") { file = file.dropLast(3) }
        let isBelow = ["sys/devices/", "sys/bus/pci/devices/"].contains { path.hasPrefix($0) }
        guard isBelow, Int(String(file), after: "resource") != nil else { return nil }
        return String(path[..<slash])
    }
}
