import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import SSH

/// Knows how each kind of place is asked. Safe from any task.
final class SecretFetcher: Sendable {
    /// Files of secrets are small; a path that leads to a log or a device must not fill the memory.
    static let maximumBytes = 1 << 20

    private let vault: NIOLockedValueBox<VaultClient?>
    private let timerLoop: any EventLoop

    init(vault: VaultConfiguration?, timerLoop: any EventLoop) {
        self.timerLoop = timerLoop
        self.vault = NIOLockedValueBox(vault.map { VaultClient($0, timerLoop: timerLoop) })
    }

    /// Takes another Vault into use.
    ///
    /// - Returns: Whether it is another one than before.
    func setVault(_ configuration: VaultConfiguration?) -> Bool {
        self.vault.withLockedValue { vault in
            guard vault?.configuration != configuration else { return false }
            vault = configuration.map { VaultClient($0, timerLoop: self.timerLoop) }
            return true
        }
    }

    func timeToLive(of location: SecretLocation) -> Duration {
        if let own = location.timeToLive { return own }
        switch location.place {
        case .file: return SecretLocation.fileTimeToLive
        case .helper: return SecretLocation.serviceTimeToLive
        case .vault:
            return self.vault.withLockedValue { $0?.configuration.timeToLive } ?? SecretLocation.serviceTimeToLive
        }
    }

    func fetch(_ location: SecretLocation) async -> Result<SecretDocument, SecretFailure> {
        do throws(SecretFailure) {
            switch location.place {
            case .file(let path): return .success(try await Self.file(path, location))
            case .helper(let helper): return .success(try await HelperProcess.run(helper, location))
            case .vault(let path):
                guard let vault = self.vault.withLockedValue({ $0 }) else {
                    throw SecretFailure(location, "can't be read: the inventory has no section `vault`")
                }
                return .success(try await vault.read(path, location))
            }
        } catch {
            return .failure(error)
        }
    }

    /// One secret; a line end at the end of the file is not part of it, as editors and `echo` write one.
    static func file(_ path: String, _ location: SecretLocation) async throws(SecretFailure) -> SecretDocument {
        let result: Result<SecretDocument, SecretFailure>
        do {
            result = try await NIOThreadPool.singleton.runIfActive { Self.read(path, location) }
        } catch {
            throw .cancelled
        }
        return try result.get()
    }

    /// The whole text of a file, without the line end at its end. Blocks.
    static func read(_ path: String, _ location: SecretLocation) -> Result<SecretDocument, SecretFailure> {
        switch FileReader.read(path, limit: self.maximumBytes) {
        case .failure(let reason): return .failure(SecretFailure(location, "can't be read: \(reason)"))
        case .success(var bytes):
            if bytes.last == UInt8(ascii: "\n") {
                bytes.removeLast()
                if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
            }
            guard !bytes.isEmpty else { return .failure(SecretFailure(location, "is empty")) }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                return .failure(SecretFailure(location, "is not text in UTF-8"))
            }
            return .success(SecretDocument(text: Secret(text)))
        }
    }
}
