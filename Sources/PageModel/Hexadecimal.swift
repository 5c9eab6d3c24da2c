/// A number as the kernel writes addresses, with `0x` before it: `0x7f0000000000`.
public func hexadecimal(_ number: UInt64) -> String { "0x" + String(number, radix: 16) }
