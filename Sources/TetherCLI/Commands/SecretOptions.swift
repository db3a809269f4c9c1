import ArgumentParser
import Devices
import Foundation
import Logging
import Worker

/// How a worker keeps secrets.
struct SecretOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Folder with the private keys that open sealed credentials in jobs (`tether keys generate`). Keys may be added while the worker runs.",
            valueName: "path"))
    var sealingKeys: String?

    @Flag(
        help:
            "Let the system write the worker's memory to disk when it crashes. That memory holds the secrets of devices; without this flag no core file is written."
    )
    var allowCoreDumps = false

    func keys() throws -> SealingKeys? {
        guard let folder = self.sealingKeys else { return nil }
        let keys: SealingKeys
        do throws(SealingKeyError) {
            keys = try SealingKeys(folder: folder)
        } catch {
            throw ValidationError("--sealing-keys: \(error)")
        }
        guard keys.newest != nil else {
            throw ValidationError(
                "There is no key in \(folder): make one with `tether keys generate --directory \(folder)`.")
        }
        return keys
    }

    /// Keeps this process's memory from being written to disk (core(5)) and read by other processes of the same user (ptrace(2)).
    func protectMemory(_ logger: Logger) {
        guard !self.allowCoreDumps else { return }
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
