import Foundation
import NIOPosix
import SSH

/// Runs a helper program that prints a secret as one JSON object, such as `{"user": "netops", "password": "…", "expires_in": 300}`.
///
/// Without a shell, in a process group of its own, with no input. Its standard error goes nowhere: it may hold what nobody is to see. It has our
/// environment and none of our files and connections.
enum HelperProcess {
    static let maximumOutput = 64 * 1024

    /// Helpers that run at a time; the threads belong to nothing else, so that a helper that hangs holds up nothing but other helpers.
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 8)
        pool.start()
        return pool
    }()

    static func run(_ helper: SecretHelper, _ location: SecretLocation) async throws(SecretFailure) -> SecretDocument {
        let output: Result<[UInt8], SecretFailure>
        do {
            output = try await self.threads.runIfActive { self.output(of: helper, location) }
        } catch {
            throw .cancelled
        }
        return try self.document(try output.get(), location)
    }

    static func document(_ output: [UInt8], _ location: SecretLocation) throws(SecretFailure) -> SecretDocument {
        // The parser's own words would repeat what it read.
        guard let value = try? JSONSerialization.jsonObject(with: Data(output)), let object = value as? [String: Any]
        else { throw SecretFailure(location, "didn't print one JSON object") }
        var lifetime: Duration?
        if let expiry = object["expires_in"] {
            guard let seconds = (expiry as? NSNumber)?.doubleValue, seconds >= 0, seconds < 1e9 else {
                throw SecretFailure(location, "printed an `expires_in` that is no number of seconds")
            }
            lifetime = .milliseconds(Int64(seconds * 1000))
        }
        return SecretDocument(object: object, lifetime: lifetime)
    }

    /// Blocks until the program has ended or been killed.
    static func output(of helper: SecretHelper, _ location: SecretLocation) -> Result<[UInt8], SecretFailure> {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return .failure(self.failure(location, "can't be started", errno)) }
        let (readEnd, writeEnd) = (ends[0], ends[1])
        defer { close(readEnd) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let (process, code) = self.spawn(helper, output: writeEnd)
        close(writeEnd)
        guard code == 0 else { return .failure(self.failure(location, "can't be started", code)) }

        let deadline = ContinuousClock.now + helper.timeLimit
        var output = self.read(readEnd, until: deadline)
        var status: Int32 = 0
        var hasEnded = false
        if case .all = output {
            hasEnded = self.wait(for: process, until: deadline, &status)
            if !hasEnded { output = .notInTime }
        }
        if !hasEnded {
            // The whole group: a helper's own children hold its output open.
            kill(-process, SIGKILL)
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
        }
        switch output {
        case .tooMuch:
            return .failure(SecretFailure(location, "printed more than \(self.maximumOutput) bytes"))
        case .notInTime:
            let limit = helper.timeLimit.components
            let milliseconds = limit.seconds * 1000 + limit.attoseconds / 1_000_000_000_000_000
            return .failure(
                SecretFailure(location, "didn't end within \(Double(milliseconds) / 1000) s and was killed"))
        case .all(let bytes):
            let signal = status & 0x7f
            guard signal == 0 else { return .failure(SecretFailure(location, "was ended by signal \(signal)")) }
            let exit = (status >> 8) & 0xff
            guard exit == 0 else {
                return .failure(SecretFailure(location, "failed with exit status \(exit); run it by hand to see why"))
            }
            return .success(bytes)
        }
    }

    private static func failure(_ location: SecretLocation, _ what: String, _ code: Int32) -> SecretFailure {
        SecretFailure(location, "\(what): \(String(cString: strerror(code)).lowercased())")
    }

    private enum Output {
        case all([UInt8])
        case tooMuch
        case notInTime
    }

    private static func milliseconds(until deadline: ContinuousClock.Instant) -> Int32 {
        let rest = ContinuousClock.now.duration(to: deadline).components
        return Int32(clamping: rest.seconds * 1000 + rest.attoseconds / 1_000_000_000_000_000)
    }

    private static func read(_ descriptor: Int32, until deadline: ContinuousClock.Instant) -> Output {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let rest = self.milliseconds(until: deadline)
            guard rest > 0 else { return .notInTime }
            var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&item, 1, rest) > 0 else { continue }
            let count = Foundation.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return .all(output) }
            guard output.count + count <= self.maximumOutput else { return .tooMuch }
            output += buffer[..<count]
        }
    }

    /// A program may close its output and go on.
    private static func wait(
        for process: pid_t, until deadline: ContinuousClock.Instant, _ status: inout Int32
    ) -> Bool {
        while true {
            let ended = waitpid(process, &status, WNOHANG)
            if ended == process { return true }
            if ended < 0, errno != EINTR { return true }
            guard self.milliseconds(until: deadline) > 0 else { return false }
            // Nothing tells of a child's end but a signal that belongs to the whole process.
            _ = poll(nil, 0, 2)
        }
    }

    private static func spawn(_ helper: SecretHelper, output: Int32) -> (process: pid_t, code: Int32) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [Int32(0), 2] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        _ = self.closeInherited?(&actions, 3)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A process that drains on SIGTERM ignores or blocks signals, and what it ignores its children ignore too.
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var vector = ([helper.program] + helper.arguments).map { strdup($0) }
        vector.append(nil)
        defer { for text in vector { free(text) } }
        var process = pid_t()
        let code =
            helper.program.contains("/")
            ? posix_spawn(&process, helper.program, &actions, &attributes, vector, environ)
            : posix_spawnp(&process, helper.program, &actions, &attributes, vector, environ)
        return (process, code)
    }

    /// `posix_spawn_file_actions_addclosefrom_np` (glibc 2.34), which the Glibc module doesn't show. Connections are inheritable: without it a
    /// helper that hangs would keep those of devices and of Kafka open.
    private static let closeInherited = dlsym(dlopen(nil, RTLD_NOW), "posix_spawn_file_actions_addclosefrom_np").map {
        unsafeBitCast(
            $0, to: (@convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32).self)
    }
}
