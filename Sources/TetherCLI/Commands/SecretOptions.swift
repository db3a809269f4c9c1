import ArgumentParser
import Devices
import Foundation
import Logging
import Worker

/// How a worker keeps secrets.
struct SecretOptions: ParsableArguments {
    @Option(help: Settings.sealingKeys.help("path")) var sealingKeys: String?
    @Flag(help: Settings.allowCoreDumps.help) var allowCoreDumps = false

    var given: [String: String] {
        var given: [String: String] = [:]
        given[Settings.sealingKeys.key] = self.sealingKeys
        given[Settings.allowCoreDumps.key] = self.allowCoreDumps ? "true" : nil
        return given
    }

    /// Keeps this process's memory from being written to disk (core(5)) and read by other processes of the same user (ptrace(2)).
    static func protectMemory(_ logger: Logger) {
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        let hasLimit = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0
        _ = getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        // A limit of 0 doesn't keep a core from being piped to a program (`|` in core_pattern); this does.
        let isProtected = Self.setDumpable.map { $0(Self.prSetDumpable, 0, 0, 0, 0) == 0 } ?? false
        if !hasLimit || !isProtected {
            logger.warning("core dumps could not be turned off; they would hold the secrets of devices")
        }
    }

    private static let prSetDumpable: Int32 = 4

    /// `prctl`, which takes a variable number of arguments and therefore isn't imported. On Linux's platforms integers are passed to such functions as to all others.
    private static let setDumpable = dlsym(dlopen(nil, RTLD_NOW), "prctl").map {
        unsafeBitCast($0, to: (@convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32).self)
    }
}
