import Observations
import PageModel
import SystemPackage

/// A device's folder in sysfs that names the node it is attached to.
struct AttachedDevice: Hashable, Sendable {
    /// From the root: `sys/devices/pci0000:00/0000:00:03.0`.
    let folder: String
    /// Nil where the firmware does not tell.
    let node: NodeID?
}

/// The folders of devices in sysfs. Links are followed by their text, so that none leads out of a saved tree.
/// Source: kernel `Documentation/ABI/testing/sysfs-devices`, `sysfs-bus-pci`, `sysfs-kernel-iommu_groups`.
extension KernelRoot {
    /// The folder that a link of sysfs leads to, from the root; where it is a folder and no link, that. Nil where nothing
    /// is there.
    func folder(behind link: String) throws(KernelFileError) -> String? {
        let text: ForeignText
        do { text = try self.link(link) } catch {
            if case .system(_, .invalidArgument) = error.problem { return link }
            if error.isEnd { return nil }
            throw error
        }
        guard let text = text.path else { return nil }
        return Self.plain(text.first == "/" ? text : "\(link)/../\(text)")
    }

    /// Without `.` and `..`, which never lead above the root.
    static func plain(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }

    /// The devices with a `numa_node` behind a folder of sysfs: itself, or the nearest one above it. Where there is none, as of
    /// a virtual device, those that it stands on: the devices of a VFIO group, the disks below a mapped disk, the
    /// interfaces below a bond, the controllers of an NVMe subsystem.
    func attachedDevices(at folder: String) throws(KernelFileError) -> [AttachedDevice] {
        var found: [AttachedDevice] = []
        var pending = [folder]
        var seen: Set<String> = []
        while let next = pending.popLast(), seen.count < 4096 {
            guard seen.insert(next).inserted else { continue }
            if let device = try attachedDevice(above: next) { found.append(device) } else { pending += try lower(next) }
        }
        return found
    }

    private func attachedDevice(above folder: String) throws(KernelFileError) -> AttachedDevice? {
        var parts = folder.split(separator: "/")
        guard parts.starts(with: ["sys", "devices"]) else { return nil }
        while parts.count > 2 {
            let folder = parts.joined(separator: "/")
            if exists("\(folder)/numa_node") {
                return AttachedDevice(folder: folder, node: try parsed("\(folder)/numa_node", by: deviceNode))
            }
            parts.removeLast()
        }
        return nil
    }

    /// What the virtual device with this folder stands on.
    private func lower(_ folder: String) throws(KernelFileError) -> [String] {
        let parts = folder.split(separator: "/").dropFirst(2)
        guard parts.first == "virtual", parts.count > 2, let name = parts.last else { return [] }
        var links: [String] = []
        switch parts.dropFirst().first {
        case "vfio":
            let group = name.hasPrefix("noiommu-") ? name.dropFirst("noiommu-".count) : name
            let devices = "sys/kernel/iommu_groups/\(group)/devices"
            links = try namesIfThere(in: devices).map { "\(devices)/\($0)" }
        case "block": links = try namesIfThere(in: "\(folder)/slaves").map { "\(folder)/slaves/\($0)" }
        case "net": links = try namesIfThere(in: folder).filter { $0.hasPrefix("lower_") }.map { "\(folder)/\($0)" }
        case "nvme-subsystem":
            let subsystem = "sys/devices/" + parts.prefix(3).joined(separator: "/")
            links = try namesIfThere(in: subsystem).filter { Int($0, after: "nvme") != nil }.map {
                "\(subsystem)/\($0)"
            }
        default: break
        }
        var folders: [String] = []
        for link in links.sorted() {
            if let folder = try self.folder(behind: link) { folders.append(folder) }
        }
        return folders
    }

    private func namesIfThere(in folder: String) throws(KernelFileError) -> [String] {
        exists(folder) ? try names(in: folder) : []
    }
}

/// The content of `numa_node`: `-1`, which gives nil, where the firmware does not tell.
func deviceNode(parsing content: [UInt8]) throws(FormatError) -> NodeID? {
    let line = TextLine(content[...].trimmed, number: 1)
    if line.bytes.elementsEqual("-1".utf8) { return nil }
    guard let node = Int32(digits: line.bytes) else { throw line.error(expected: "a node, or -1") }
    return NodeID(Int(node))
}

extension ForeignText {
    /// As a path that can be opened; nil where it is none of the kernel's: not UTF-8, or with a NUL.
    var path: String? { bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self) }
}
