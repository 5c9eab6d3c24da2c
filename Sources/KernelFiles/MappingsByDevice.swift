import Observations
import PageModel

/// Tells of a line of `/proc/PID/maps` whether the file behind the mapping lies on one of some devices, without
/// parsing the line: a process can have thousands of mappings and none of hugetlb.
struct MappedDevices {
    /// As the kernel prints them: `00:0f`.
    private let texts: [[UInt8]]

    init(_ devices: some Sequence<DeviceNumber>) {
        texts = devices.map { device in
            let halves = [device.major, device.minor].map { number in
                (number < 16 ? "0" : "") + String(number, radix: 16)
            }
            return Array(halves.joined(separator: ":").utf8)
        }
    }

    func contains(_ line: TextLine) -> Bool {
        line.bytes.withUnsafeBufferPointer { line in
            var (field, start) = (0, 0)
            for index in line.indices where line[index] == .blank {
                if field == 3 { return texts.contains { $0.elementsEqual(line[start..<index]) } }
                (field, start) = (field + 1, index + 1)
            }
            return false
        }
    }
}

extension DeviceNumber {
    /// `major:minor` in hexadecimal, as `/proc/PID/maps` has it.
    init?(parsing text: ArraySlice<UInt8>) {
        guard let (major, minor) = text.halves(at: UInt8(ascii: ":")), let major = UInt32(digits: major, radix: 16),
            let minor = UInt32(digits: minor, radix: 16)
        else { return nil }
        self.init(major: major, minor: minor)
    }
}

extension Mapping {
    /// Nil where `device` is not as the kernel prints it.
    var deviceNumber: DeviceNumber? { DeviceNumber(parsing: device.bytes[...]) }
}

extension KernelRoot {
    /// The mappings of files on some devices, in ascending order.
    /// - Parameter process: its folder below `proc`: `12`, or `12/task/13` for one thread.
    func mappings(
        of process: String, on devices: MappedDevices, each body: (Mapping) -> Void
    ) throws(KernelFileError) {
        try lines(of: "proc/\(process)/maps") { line throws(FormatError) in
            if devices.contains(line) { body(try Mapping(parsing: line)) }
        }
    }
}
