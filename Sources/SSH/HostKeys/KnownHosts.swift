import Crypto
import Foundation
import NIOConcurrencyHelpers

/// The host keys known from an OpenSSH `known_hosts` file, and those learned since.
///
/// Reads plain, listed, bracketed (`[host]:port`), wildcard, negated and hashed entries and `@revoked`; `@cert-authority` lines
/// and broken lines are skipped and counted. Plain entries are found by their name whatever the number of lines; hashed ones
/// cost an HMAC each on the first question for a name.
///
/// Safe to use from any thread. Only ``init(file:)`` and the write of ``learn(_:host:port:)`` touch the file.
package final class KnownHosts: Sendable {
    /// What is known of a key.
    package enum Judgement: Sendable, Hashable {
        /// Nothing is known of the host.
        case unknown
        case known
        /// Other keys are known for the host, of whatever type: a new key type is a changed key too, or an attacker would only
        /// have to show another type.
        case changed(known: [KnownKey])
        /// The key has been revoked for the host.
        case revoked
    }

    /// A key on file, as messages name it.
    package struct KnownKey: Sendable, Hashable, CustomStringConvertible {
        package let algorithm: String
        package let fingerprint: String
        /// Line of the file, from 1; `nil` when learned by this process.
        package let line: Int?

        package var description: String {
            "\(self.algorithm) \(self.fingerprint)" + (self.line.map { " (line \($0))" } ?? "")
        }
    }

    /// Why a `known_hosts` file could not be read.
    package struct Unreadable: Error, CustomStringConvertible {
        package let description: String
    }

    /// The file that keys are read from and learned into; `nil`: memory only.
    package let path: String?
    private let index: NIOLockedValueBox<KnownHostsIndex>

    /// The largest file that is read.
    private static let maximumLength = 256 * 1024 * 1024

    /// Reads a file. One that doesn't exist is as good as an empty one, and is created with the first key learned. Blocks.
    ///
    /// - Parameter path: `nil` keeps what is learned in memory only.
    package init(file path: String?) throws(Unreadable) {
        self.path = path
        guard let path else {
            self.index = NIOLockedValueBox(KnownHostsIndex())
            return
        }
        switch FileReader.read(path, limit: Self.maximumLength) {
        case .success(let bytes):
            self.index = NIOLockedValueBox(KnownHostsIndex(text: String(decoding: bytes, as: UTF8.self)))
        case .failure(let failure) where failure.errno == ENOENT:
            self.index = NIOLockedValueBox(KnownHostsIndex())
        case .failure(let failure):
            throw Unreadable(description: "The known_hosts file \(path) can't be read: \(failure).")
        }
    }

    /// Takes the text of a file; what is learned stays in memory.
    package init(text: String) {
        self.path = nil
        self.index = NIOLockedValueBox(KnownHostsIndex(text: text))
    }

    /// Entries, lines that could not be understood, and `@cert-authority` lines (which have no effect).
    package var counts: (entries: Int, brokenLines: Int, certificateAuthorities: Int) {
        self.index.withLockedValue { ($0.count, $0.brokenLines, $0.certificateAuthorities) }
    }

    /// What is known of this key for this host.
    package func judge(_ key: HostKey, host: String, port: Int) -> Judgement {
        self.index.withLockedValue { Self.judge(key, host: host, port: port, in: &$0) }
    }

    /// The types of the keys known for a host, without revoked ones.
    package func knownAlgorithms(host: String, port: Int) -> [String] {
        let entries = self.index.withLockedValue { index in
            let own = index.entries(for: Self.name(host, port))
            // As in the judgement: a key known without a port counts when nothing is known for the port.
            return own.isEmpty && port != 22 ? index.entries(for: Self.name(host, 22)) : own
        }
        var names: [String] = []
        for entry in entries where !entry.isRevoked && !names.contains(entry.algorithm) {
            names.append(entry.algorithm)
        }
        return names
    }

    /// Remembers the key of an unknown host, here and in the file.
    ///
    /// When two connections to a new host show different keys at the same time, the first is learned and the second has changed.
    ///
    /// - Returns: the judgement afterwards, and why the file could not be written, if it couldn't: the key then counts as known
    ///   in this process only.
    @discardableResult
    package func learn(_ key: HostKey, host: String, port: Int) -> (judgement: Judgement, writeFailure: String?) {
        let name = Self.name(host, port)
        let before = self.index.withLockedValue { index in
            let before = Self.judge(key, host: host, port: port, in: &index)
            if before == .unknown {
                index.insert(KnownHostsLine(hosts: .names([name]), isRevoked: false, key: key), line: nil)
            }
            return before
        }
        guard before == .unknown else { return (before, nil) }
        guard let path = self.path else { return (.known, nil) }
        return (.known, KnownHostsFile.append("\(name) \(key.text)", to: path))
    }

    private static func judge(
        _ key: HostKey, host: String, port: Int, in index: inout KnownHostsIndex
    ) -> Judgement {
        let digest = SHA256.hash(data: key.blob)
        let entries = index.entries(for: self.name(host, port))
        if entries.contains(where: { $0.isRevoked && $0.digest == digest }) { return .revoked }
        let valid = entries.filter { !$0.isRevoked }
        if valid.contains(where: { $0.digest == digest }) { return .known }
        if !valid.isEmpty {
            return .changed(
                known: valid.map {
                    KnownKey(algorithm: $0.algorithm, fingerprint: HostKey.fingerprint($0.digest), line: $0.line)
                })
        }
        guard port != 22 else { return .unknown }
        // OpenSSH also accepts a key that is on file for the host without a port; another key there means nothing.
        let portless = index.entries(for: self.name(host, 22)).filter { $0.digest == digest }
        if portless.contains(where: \.isRevoked) { return .revoked }
        return portless.isEmpty ? .unknown : .known
    }

    /// How the file names a host: `host` on port 22, `[host]:port` otherwise.
    private static func name(_ host: String, _ port: Int) -> String {
        let host = host.lowercased()
        return port == 22 ? host : "[\(host)]:\(port)"
    }
}
