/// CRC-32 as crc32(1), gzip and Ethernet have it.
func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~0) { register, byte in register >> 8 ^ table[Int(UInt8(truncatingIfNeeded: register) ^ byte)] }
}

private let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
}
