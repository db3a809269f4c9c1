// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "tether",
    products: [
        .executable(name: "tether", targets: ["TetherCLI"]),
        .executable(name: "tether-faults", targets: ["TetherFaults"]),
        .executable(name: "tether-lab", targets: ["TetherLab"]),
        .library(name: "Devices", targets: ["Devices"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: [.defaults, "YAML"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // The C libraries, found through pkg-config.
        .systemLibrary(name: "CLibSSH2", pkgConfig: "libssh2", providers: [.apt(["libssh2-1-dev"])]),
        .systemLibrary(name: "CRDKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .systemLibrary(name: "CLibSSH", pkgConfig: "libssh", providers: [.apt(["libssh-dev"])]),

        // The engine, from the bottom up. Dependencies point down only.
        .target(
            name: "CLibSSH2Keys",
            dependencies: ["CLibSSH2"],
            linkerSettings: [.linkedLibrary("crypto")]
        ),
        .target(
            name: "SSH",
            dependencies: [
                "CLibSSH2", "CLibSSH2Keys",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "Dialogue",
            dependencies: ["CPCRE2", .product(name: "Yams", package: "Yams")],
            resources: [.embedInCode("Platforms")],
            swiftSettings: settings
        ),
        .target(
            name: "Devices",
            dependencies: [
                "SSH", "Dialogue",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "Kafka",
            dependencies: [
                "CRDKafka",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .target(name: "Jobs", swiftSettings: settings),
        .target(
            name: "Worker",
            dependencies: [
                "Devices", "Dialogue", "Jobs", "Kafka",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "Operations",
            dependencies: [
                "Devices", "Jobs", "Kafka", "Worker",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            resources: [.embedInCode("Status/Assets")],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "TetherCLI",
            dependencies: [
                "Operations", "Worker",
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: settings
        ),

        // The lab: simulated devices and the proxy in front of the development broker.
        .target(
            name: "Lab",
            dependencies: [
                "CLibSSH",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "TetherLab",
            dependencies: [
                "Lab",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),

        // Proof of the promises: a fleet under random faults, and what the devices and topics say about it afterwards.
        .executableTarget(
            name: "TetherFaults",
            dependencies: [
                "Kafka", "Lab",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),

        // Measurements, and the minimal C program that they are held against.
        .executableTarget(
            name: "TetherBench",
            dependencies: [
                "Devices", "Jobs", "Kafka", "Lab", "SSH", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            exclude: ["Floor", "Peers"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "BenchFloor",
            dependencies: ["CLibSSH2"],
            path: "Sources/TetherBench/Floor"
        ),

        // Tests.
        .target(
            name: "TestSupport",
            dependencies: [
                "CRDKafka", "Lab",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        .testTarget(
            name: "SSHTests",
            dependencies: [
                "SSH", "Lab", "TestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            exclude: ["Fuzzing/Corpus", "Fuzzing/Fuzzer.swift"],
            swiftSettings: settings
        ),
        .testTarget(name: "DialogueTests", dependencies: ["Dialogue", "Lab", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "DevicesTests", dependencies: ["Devices", "Lab", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "KafkaTests", dependencies: ["Kafka", "Lab", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "JobsTests", dependencies: ["Jobs", "Lab", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "WorkerTests", dependencies: ["Dialogue", "Lab", "Worker", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "DeploymentTests",
            dependencies: [
                "Devices", "Jobs", "Lab", "Operations", "TestSupport", .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "OperationsTests",
            dependencies: [
                "Devices", "Jobs", "Kafka", "Lab", "Operations", "TestSupport", "Worker",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "LabTests",
            dependencies: [
                "CLibSSH", "Kafka", "Lab", "TestSupport",
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ConfigurationTests",
            dependencies: ["Kafka", "TestSupport", "TetherCLI", "Worker"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "CLITests",
            dependencies: [
                "Devices", "Jobs", "Kafka", "Lab", "TestSupport", "TetherCLI",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            exclude: ["Help"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "Devices", "Jobs", "Kafka", "Lab", "Operations", "TestSupport", "Worker",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
    ],
    swiftLanguageModes: [.v6]
)

// `deploy/fuzz` builds this program, and nothing else does: its instrumentation and its main function are libFuzzer's.
if Context.environment["TETHER_FUZZ"] != nil {
    let instrumentation = SwiftSetting.unsafeFlags(["-sanitize=fuzzer"])
    package.targets.removeAll { $0.name == "SSHTests" }
    for target in package.targets where target.name == "SSH" { target.swiftSettings = settings + [instrumentation] }
    package.targets.append(
        .executableTarget(
            name: "ParserFuzzer",
            dependencies: ["SSH", .product(name: "NIOCore", package: "swift-nio")],
            path: "Tests/SSHTests/Fuzzing",
            exclude: ["Corpus", "ParserFuzzTests.swift"],
            swiftSettings: settings + [instrumentation],
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])]
        )
    )
}
