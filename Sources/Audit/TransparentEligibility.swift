import Observations
import PageModel

/// Whether transparent huge pages of PMD size can be in a mapping, or why not: the first reason that holds.
/// Source: kernel `mm/huge_memory.c`, `__thp_vma_allowable_orders`; `mm/shmem.c`, `shmem_allowable_huge_orders`.
public enum TransparentEligibility: Hashable, Sendable {
    case eligible
    /// The kernel has none.
    case unsupported
    /// PR_SET_THP_DISABLE: `THP_enabled` of its status is 0.
    case disabledByProcess
    /// `nh` in VmFlags: MADV_NOHUGEPAGE.
    case disabledByAdvice
    /// Device memory, or what the kernel mapped itself: `io`, `pf`, `mm` or `de` in VmFlags, or a name in brackets that is not
    /// the heap's, a stack's or one that the program gave.
    case special
    /// Smaller than a huge page.
    case tooSmall
    /// Large enough, and no aligned huge page fits.
    case unaligned
    /// The settings say never: the file below `/sys/kernel/mm/transparent_hugepage` and the word in it.
    case never(setting: String)
    /// The settings ask for MADV_HUGEPAGE, and the mapping lacks `hg`; so does PR_SET_THP_DISABLE that excepts what is advised.
    case notAdvised
    /// Of a regular file: only its filesystem decides.
    case file
    /// It depends on VmFlags, and smaps was not read.
    case unknown
}

extension TransparentEligibility {
    /// Nil of a hugetlb mapping, and of one that lets nobody in and has no page.
    ///
    /// Where the settings say `always` and smaps was not read, nobody is taken to have used MADV_NOHUGEPAGE.
    /// - Parameter isEnabled: `THP_enabled` of the status; nil where the kernel does not tell.
    init?(of mapping: MappingObservation, isEnabled: Bool?, _ settings: TransparentSettings) {
        let rules = TransparentRules(mapping: mapping, isEnabled: isEnabled, settings: settings)
        guard let answer = rules.answer else { return nil }
        self = answer
    }
}

/// The kernel's rules, for one mapping.
private struct TransparentRules {
    let mapping: MappingObservation
    let isEnabled: Bool?
    let settings: TransparentSettings

    private enum Backing {
        case anonymous
        /// Shared memory without a mount that users see: memfd, System V, MAP_SHARED with MAP_ANONYMOUS.
        case sharedMemory
        /// A file of a tmpfs, whose mount option `huge` counts, too.
        case tmpfs
        case file
    }

    var answer: TransparentEligibility? {
        guard mapping.hugetlbSize == nil, !isReserved else { return nil }
        switch mapping.isEligible {
        case true?: return shapeReason ?? (hasSmallerSizes ? reason : nil) ?? .eligible
        case false?: return reason == .eligible ? refusal : reason
        case nil: return reason
        }
    }

    /// Address space without access and without memory.
    private var isReserved: Bool {
        mapping.mapping.permissions.bytes.starts(with: "---".utf8) && mapping.pages.resident == 0
            && mapping.pages.swapped == 0
    }

    /// Why the kernel says no where the rules found nothing.
    private var refusal: TransparentEligibility {
        let mayBeBeyondEnd = backing != .anonymous && settings.shmemEnabled == "within_size"
        if !has("hg"), !mayBeBeyondEnd { return .notAdvised }
        return backing == .anonymous ? .special : .file
    }

    /// `THPeligible` is 1 as well where only folios that are smaller than a PMD maps may be there.
    private var hasSmallerSizes: Bool {
        backing == .anonymous
            && settings.sizes.contains { size, word in word != "never" && settings.pmdSize.map { size < $0 } ?? true }
    }

    private var reason: TransparentEligibility {
        if settings.pmdSize == nil { return .unsupported }
        if isEnabled == false { return .disabledByProcess }
        if has("nh") { return .disabledByAdvice }
        if isSpecial { return .special }
        return shapeReason ?? settingReason
    }

    private func has(_ flag: String) -> Bool { mapping.vmFlags?.contains(flag) ?? false }

    private var isSpecial: Bool {
        if ["io", "pf", "mm", "de"].contains(where: has) { return true }
        let name = mapping.mapping.name.bytes
        let ordinary = ["[heap]", "[stack", "[anon:", "[anon_shmem:"]
        return name.first == UInt8(ascii: "[") && !ordinary.contains { name.starts(with: $0.utf8) }
    }

    private var backing: Backing {
        let name = mapping.mapping.name.bytes
        let isZero = name.elementsEqual("/dev/zero".utf8) && !mapping.mapping.isShared
        if isZero || !mapping.mapping.hasFile { return .anonymous }
        let internals = ["/dev/zero (deleted)", "/SYSV", "/memfd:", "[anon_shmem:"]
        if internals.contains(where: { name.starts(with: $0.utf8) }) { return .sharedMemory }
        return mapping.pages.amounts.contains { $0.content == .shared } ? .tmpfs : .file
    }

    /// The last aligned huge page decides: if any fits, it does.
    private var shapeReason: TransparentEligibility? {
        guard let size = settings.pmdSize?.bytes else { return nil }
        let range = mapping.mapping.addresses
        guard range.upperBound - range.lowerBound >= size else { return .tooSmall }
        let last = (range.upperBound - size) & ~(size - 1)
        let isCongruent = (range.lowerBound &- mapping.mapping.offset) & (size - 1) == 0
        return last < range.lowerBound || (backing != .anonymous && !isCongruent) ? .unaligned : nil
    }

    private var settingReason: TransparentEligibility {
        switch backing {
        case .anonymous: anonymousReason
        case .sharedMemory: advised(settings.shmemEnabled, "shmem_enabled")
        case .tmpfs: tmpfsReason
        case .file:
            // The setting of one size is for anonymous memory only.
            advised(settings.enabled, "enabled") == .eligible ? .file : advised(settings.enabled, "enabled")
        }
    }

    private var anonymousReason: TransparentEligibility {
        let own = settings.pmdSize.flatMap { size in
            settings.sizes[size].map { (word: $0, file: "hugepages-\(size.bytes / 1024)kB/enabled") }
        }
        if let own, own.word != "inherit" { return advised(own.word, own.file) }
        return advised(settings.enabled, "enabled")
    }

    private var tmpfsReason: TransparentEligibility {
        switch settings.shmemEnabled {
        case "deny": .never(setting: "shmem_enabled: deny")
        case "force": .eligible
        default: .file
        }
    }

    private func advised(_ word: String?, _ file: String) -> TransparentEligibility {
        switch word {
        case "always", "within_size", "force": .eligible
        case "madvise", "advise":
            mapping.vmFlags.map { $0.contains("hg") ? .eligible : .notAdvised } ?? .unknown
        case "never", "deny": .never(setting: "\(file): \(word ?? "")")
        default: .unknown
        }
    }
}
