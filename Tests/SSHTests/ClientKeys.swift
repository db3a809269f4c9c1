import Foundation
import TestSupport

/// Key pairs of a client in a temporary folder, of each type, made once for the process.
final class ClientKeys: Sendable {
    static let shared = Result { try ClientKeys() }

    static let passphrase = "open sesame"
    private let folder: URL

    enum Name: String, CaseIterable {
        case ed25519, ecdsa, rsa
        /// Encrypted with ``ClientKeys/passphrase``.
        case encrypted
        /// No server knows it.
        case stranger

        var type: String { self == .encrypted || self == .stranger ? "ed25519" : self.rawValue }
    }

    private init() throws {
        self.folder = FileManager.default.temporaryDirectory.appendingPathComponent("tether-keys-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        for name in Name.allCases {
            try OpenSSHServer.run(
                "/usr/bin/ssh-keygen",
                ["-q", "-t", name.type, "-C", "test", "-f", self.path(name), "-N"]
                    + [name == .encrypted ? Self.passphrase : ""] + (name == .rsa ? ["-b", "2048"] : []))
        }
    }

    func path(_ name: Name) -> String { self.folder.appendingPathComponent(name.rawValue).path }
    func text(_ name: Name) throws -> String { try String(contentsOfFile: self.path(name), encoding: .utf8) }
    /// `type base64`.
    func publicKey(_ name: Name) throws -> String {
        let text = try String(contentsOfFile: self.path(name) + ".pub", encoding: .utf8)
        return text.split(separator: " ").prefix(2).joined(separator: " ")
    }

    /// The lines of `authorized_keys`.
    var authorized: [String] {
        get throws { try Name.allCases.filter { $0 != .stranger }.map { try self.publicKey($0) } }
    }
}
