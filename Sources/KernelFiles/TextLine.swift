import Observations

/// One line of a kernel text file, as bytes: names inside it can be anything.
struct TextLine {
    /// Counted from 1.
    let number: Int
    let bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>, number: Int) { (self.bytes, self.number) = (bytes, number) }

    func error(expected: String) -> FormatError { FormatError(line: number, bytes: bytes, expected: expected) }

    /// The parts between runs of blanks and tabs.
    var words: [ArraySlice<UInt8>] { bytes.split { $0 == .blank || $0 == .tab } }

    /// What follows `key`; nil where the line does not start with it.
    func value(after key: StaticString) -> ArraySlice<UInt8>? {
        let count = key.utf8CodeUnitCount
        guard bytes.count >= count else { return nil }
        let isSame = key.withUTF8Buffer { key in bytes.prefix(count).elementsEqual(key) }
        return isSame ? bytes.dropFirst(count) : nil
    }

    /// The number in `field`, blanks around it allowed; anything else is an error that says what was expected.
    func number(in field: ArraySlice<UInt8>, radix: UInt64 = 10, _ expected: String) throws(FormatError) -> UInt64 {
        guard let value = UInt64(digits: field.trimmed, radix: radix) else { throw error(expected: expected) }
        return value
    }

    /// The yes or no in `field`: `1` or `0`.
    func flag(in field: ArraySlice<UInt8>, _ expected: String) throws(FormatError) -> Bool {
        switch try number(in: field, expected) {
        case 0: false
        case 1: true
        default: throw error(expected: expected)
        }
    }

    /// The amount in `field`, written in kB as in meminfo. Unit of the result: bytes.
    func kilobytes(in field: ArraySlice<UInt8>, _ expected: String) throws(FormatError) -> UInt64 {
        guard let amount = UInt64(exactly: try signedKilobytes(in: field, expected)) else {
            throw error(expected: expected)
        }
        return amount
    }

    /// The same for a counter that the kernel lets fall below zero and prints as unsigned.
    func signedKilobytes(in field: ArraySlice<UInt8>, _ expected: String) throws(FormatError) -> Int64 {
        let field = field.trimmed
        guard field.suffix(3).elementsEqual(" kB".utf8), let word = UInt64(digits: field.dropLast(3).trimmed) else {
            throw error(expected: expected)
        }
        let (bytes, isTooBig) = Int64(bitPattern: word).multipliedReportingOverflow(by: 1024)
        if isTooBig { throw error(expected: expected) }
        return bytes
    }
}

extension [UInt8] {
    /// The lines in order, without their newlines.
    func eachLine(_ body: (TextLine) throws(FormatError) -> Void) throws(FormatError) {
        var splitter = LineSplitter()
        try splitter.add(self[...], body)
        try splitter.finish(body)
    }

    /// The content of a file that holds one number and nothing else.
    func number(radix: UInt64 = 10, _ expected: String) throws(FormatError) -> UInt64 {
        try TextLine(self[...], number: 1).number(in: self[...], radix: radix, expected)
    }
}

/// Cuts a stream of bytes into lines, wherever the pieces end.
struct LineSplitter {
    /// A longer line is none that the kernel writes: the longest are paths, of at most 16 KiB when escaped.
    static let longest = 1 << 20

    private var pending: [UInt8] = []
    /// Lines that are done with.
    private var number = 0

    mutating func add(
        _ piece: ArraySlice<UInt8>, _ body: (TextLine) throws(FormatError) -> Void
    ) throws(FormatError) {
        var rest = piece
        while let end = rest.firstIndex(of: .newline) {
            if pending.isEmpty {
                try body(try line(rest[..<end]))
            } else {
                pending += rest[..<end]
                try body(try line(pending[...]))
                pending.removeAll(keepingCapacity: true)
            }
            number += 1
            rest = rest[(end + 1)...]
        }
        pending += rest
        _ = try line(pending[...])
    }

    /// The last line, where no newline ends it.
    mutating func finish(_ body: (TextLine) throws(FormatError) -> Void) throws(FormatError) {
        if !pending.isEmpty { try body(try line(pending[...])) }
    }

    private func line(_ bytes: ArraySlice<UInt8>) throws(FormatError) -> TextLine {
        let line = TextLine(bytes, number: number + 1)
        if bytes.count > Self.longest { throw line.error(expected: "a line of at most 1 MiB") }
        return line
    }
}

extension UInt8 {
    static let newline = UInt8(ascii: "\n")
    static let blank = UInt8(ascii: " ")
    static let tab = UInt8(ascii: "\t")
}

extension ArraySlice<UInt8> {
    /// Without blanks, tabs and newlines at either end.
    var trimmed: ArraySlice<UInt8> {
        let isSpace = { (byte: UInt8) in byte == .blank || byte == .tab || byte == .newline }
        let tail = drop(while: isSpace)
        return tail[..<((tail.lastIndex { !isSpace($0) }).map { $0 + 1 } ?? tail.startIndex)]
    }

    /// The parts before and after the first `separator`; nil where there is none.
    func halves(at separator: UInt8) -> (ArraySlice<UInt8>, ArraySlice<UInt8>)? {
        guard let middle = firstIndex(of: separator) else { return nil }
        return (self[..<middle], self[(middle + 1)...])
    }
}

extension FixedWidthInteger {
    /// Digits, hexadecimal ones in small letters as the kernel prints them, and nothing else: no sign, no blank, no overflow.
    init?(digits: some Collection<UInt8>, radix: Self = 10) {
        guard !digits.isEmpty else { return nil }
        var value: Self = 0
        for byte in digits {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            guard digit < radix else { return nil }
            let (product, tooBig) = value.multipliedReportingOverflow(by: radix)
            let (sum, overflow) = product.addingReportingOverflow(Self(digit))
            if tooBig || overflow { return nil }
            value = sum
        }
        self = value
    }

    /// The number in a name such as `node12`; nil where the prefix or the digits are not there. `node012` is no name of the
    /// kernel's and would be the same node twice.
    init?(_ name: String, after prefix: String) {
        let digits = name.utf8.dropFirst(prefix.utf8.count)
        guard name.hasPrefix(prefix), digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        self.init(digits: digits)
    }
}

extension ForeignText {
    /// With the kernel's escapes undone: `\040` is a blank. A backslash that three octal digits do not follow is one.
    /// Source: kernel `fs/seq_file.c`, `mangle_path`.
    /// - Parameter escaped: what the file escapes: `/proc/PID/maps` a newline only; nil for all that looks like it.
    init(unescaping text: some Collection<UInt8>, only escaped: UInt8? = nil) {
        let text = Array(text)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            let digits = text[index...].dropFirst().prefix(3)
            if text[index] == UInt8(ascii: "\\"), digits.count == 3, let byte = UInt8(digits: digits, radix: 8),
                escaped ?? byte == byte
            {
                bytes.append(byte)
                index += 4
            } else {
                bytes.append(text[index])
                index += 1
            }
        }
        self.init(bytes)
    }
}
