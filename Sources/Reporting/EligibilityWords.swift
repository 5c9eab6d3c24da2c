import Audit
import Observations

/// How reports name what keeps transparent huge pages out of a mapping.
extension TransparentEligibility {
    /// For programs, in kebab case.
    var word: String {
        switch self {
        case .eligible: "eligible"
        case .unsupported: "unsupported"
        case .disabledByProcess: "disabled-by-process"
        case .disabledByAdvice: "disabled-by-advice"
        case .special: "special"
        case .tooSmall: "too-small"
        case .unaligned: "unaligned"
        case .never: "never"
        case .notAdvised: "not-advised"
        case .file: "file"
        case .unknown: "unknown"
        }
    }

    /// For a column of a table.
    var short: String {
        switch self {
        case .eligible: "yes"
        case .unsupported: "no support"
        case .disabledByProcess: "off by prctl"
        case .disabledByAdvice: "off by advice"
        case .special: "special"
        case .tooSmall: "too small"
        case .unaligned: "unaligned"
        case .never: "never"
        case .notAdvised: "not advised"
        case .file: "file"
        case .unknown: "?"
        }
    }

    /// One sentence, without a full stop.
    var reason: String {
        switch self {
        case .eligible: "Huge pages of PMD size can be in it"
        case .unsupported: "The kernel has no transparent huge pages"
        case .disabledByProcess: "The process has switched them off: PR_SET_THP_DISABLE"
        case .disabledByAdvice: "The process has advised against them: MADV_NOHUGEPAGE"
        case .special: "Device memory, or the kernel's own mapping"
        case .tooSmall: "The mapping is smaller than a huge page"
        case .unaligned: "No aligned huge page fits into the mapping"
        case .never(let setting): "The settings say never: \(ForeignText(setting).escaped)"
        case .notAdvised: "The settings ask for MADV_HUGEPAGE, and the mapping does not have it"
        case .file: "A regular file: its filesystem decides"
        case .unknown: "It depends on VmFlags, and smaps was not read: --smaps reads it"
        }
    }
}
