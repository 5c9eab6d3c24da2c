// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target of ours is compiled with: `swift format` and these leave no second dialect.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
let strictC: [CSetting] = [.treatAllWarnings(as: .error)]

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let bits = Target.Dependency.product(name: "BitCollections", package: "swift-collections")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "hugeaudit",
    products: [
        .executable(name: "hugeaudit", targets: ["hugeaudit"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        .systemLibrary(name: "CNuma", pkgConfig: "numa", providers: [.apt(["libnuma-dev"])]),
        .target(name: "CKernel", cSettings: strictC),
        .target(name: "PageModel", swiftSettings: strict),
        .target(name: "Observations", dependencies: ["PageModel"], swiftSettings: strict),
        .target(
            name: "KernelFiles", dependencies: ["PageModel", "Observations", "CNuma", "CKernel", bits, system],
            swiftSettings: strict),
        .target(name: "Audit", dependencies: ["PageModel", "Observations"], swiftSettings: strict),
        .target(
            name: "Reporting", dependencies: ["PageModel", "Observations", "Audit"], exclude: ["Schema"],
            swiftSettings: strict),
        .executableTarget(
            name: "hugeaudit",
            dependencies: [
                "PageModel", "Observations", "KernelFiles", "CKernel", "Audit", "Reporting", arguments, system,
            ],
            swiftSettings: strict),
        .executableTarget(name: "holder", path: "Tests/Holder", cSettings: strictC),
        .target(name: "CStates", path: "Tests/States", cSettings: strictC),
        .target(
            name: "TestSupport", dependencies: ["PageModel", "Observations", "KernelFiles", system],
            path: "Tests/TestSupport", swiftSettings: strict),
        .executableTarget(
            name: "lab", dependencies: ["TestSupport", arguments], path: "Tests/Lab",
            exclude: ["Guest", "initramfs", "kernel", "lab"], swiftSettings: strict),
        .testTarget(name: "PageModelTests", dependencies: ["PageModel", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "KernelFilesTests",
            dependencies: [
                "KernelFiles", "Audit", "Reporting", "Observations", "PageModel", "TestSupport", "CStates", system,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AuditTests", dependencies: ["Audit", "KernelFiles", "Observations", "PageModel", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ReportingTests",
            dependencies: ["Reporting", "Audit", "KernelFiles", "Observations", "PageModel", "TestSupport"],
            exclude: ["Golden"], swiftSettings: strict),
        .testTarget(
            name: "LiveTests",
            dependencies: [
                "hugeaudit", "holder", "Audit", "KernelFiles", "CKernel", "Observations", "PageModel", "TestSupport",
                "CStates",
                system,
            ],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
