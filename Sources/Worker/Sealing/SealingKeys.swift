import Foundation
import NIOConcurrencyHelpers

/// A folder of private keys for sealed credentials: `<key id>.key`, each a file that only its owner may read.
///
/// Several at a time, so that keys can be rotated: the newest is sealed with, all others still open what was sealed before. A key that is added while a
/// worker runs is found when the first credential comes that needs it. Safe from any thread.
package final class SealingKeys: Sendable {
    package let folder: String

    private struct State {
        var keys: [String: SealingPrivateKey] = [:]
        var readAt: ContinuousClock.Instant
    }

    private let state: NIOLockedValueBox<State>

    /// How often the folder is read at most for keys that aren't there.
    private static let pause = Duration.seconds(1)

    /// - Throws: if the folder or a key can't be read, or others than its owner may.
    package init(folder: String) throws(SealingKeyError) {
        self.folder = folder
        self.state = NIOLockedValueBox(State(keys: try Self.read(folder), readAt: .now))
    }

    /// Oldest first.
    package var all: [SealingPrivateKey] {
        self.state.withLockedValue { state in
            state.keys.values.sorted {
                ($0.publicKey.created, $0.publicKey.id) < ($1.publicKey.created, $1.publicKey.id)
            }
        }
    }

    package var newest: SealingPrivateKey? { self.all.last }

    /// The key of an id. Reads the folder again for one that it doesn't know.
    func key(_ id: String) -> SealingPrivateKey? {
        self.state.withLockedValue { state in
            if let key = state.keys[id] { return key }
            guard state.readAt.duration(to: .now) >= Self.pause else { return nil }
            state.readAt = .now
            // A folder that is broken by now doesn't take away what was read before.
            if let keys = try? Self.read(self.folder) { state.keys = keys }
            return state.keys[id]
        }
    }

    /// Makes a key and writes it. The folder is made if it isn't there.
    package static func generate(in folder: String, now: Int64) throws(SealingKeyError) -> SealingPrivateKey {
        let key = SealingPrivateKey(created: now)
        do {
            if !FileManager.default.fileExists(atPath: folder) {
                try FileManager.default.createDirectory(
                    atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            }
        } catch {
            throw SealingKeyError("\(folder) can't be made: \(error.localizedDescription)")
        }
        let path = "\(folder)/\(key.publicKey.id).key"
        // Nobody else may read it, not for a moment.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw SealingKeyError("\(path) can't be written: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        let bytes = Array(key.text.utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
            throw SealingKeyError("\(path) can't be written: \(String(cString: strerror(errno)))")
        }
        return key
    }

    /// Removes a key; what was sealed with it is worthless from then on.
    package static func remove(_ id: String, from folder: String) throws(SealingKeyError) {
        guard unlink("\(folder)/\(id).key") == 0 else {
            throw SealingKeyError("\(folder)/\(id).key can't be removed: \(String(cString: strerror(errno)))")
        }
    }

    private static func read(_ folder: String) throws(SealingKeyError) -> [String: SealingPrivateKey] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            throw SealingKeyError("\(folder) can't be read: \(error.localizedDescription)")
        }
        var keys: [String: SealingPrivateKey] = [:]
        for name in names.sorted() where name.hasSuffix(".key") && !name.hasPrefix(".") {
            let path = "\(folder)/\(name)"
            try self.checkPermissions(path)
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw SealingKeyError("\(path) can't be read")
            }
            let key: SealingPrivateKey
            do throws(SealingKeyError) { key = try SealingPrivateKey(text) } catch {
                throw SealingKeyError("\(path) \(error)")
            }
            keys[key.publicKey.id] = key
        }
        return keys
    }

    /// A key that belongs to this process's user must be that user's alone. One that belongs to another user, as Kubernetes mounts secrets for a process that isn't
    /// root (`fsGroup`), may be read by its group.
    private static func checkPermissions(_ path: String) throws(SealingKeyError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw SealingKeyError("\(path) can't be read: \(String(cString: strerror(errno)))")
        }
        let others = status.st_uid == getuid() ? status.st_mode & 0o077 : status.st_mode & 0o037
        guard others == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw SealingKeyError("\(path) may be read by others (mode \(mode)): chmod 600 it")
        }
    }
}
