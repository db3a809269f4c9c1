import ArgumentParser
import Foundation

/// A library that network engineers use for the same work.
enum Peer: String, CaseIterable, ExpressibleByArgument {
    /// Bare, with a regular expression for the prompt.
    case asyncssh
    case netmiko
    /// Version 2, on its native library.
    case scrapli
    case scrapli1AsyncSSH = "scrapli1-asyncssh"
    case scrapli1SSH2 = "scrapli1-ssh2"

    /// Its name in the names of figures.
    var figureName: String { self.rawValue.replacingOccurrences(of: "-", with: "_") }
}

/// The Python environments that `deploy/install peers` makes, one for each library: two of the libraries are versions of one.
struct PeerEnvironments: Sendable {
    private let folder: URL
    /// The program that does the work with any of the libraries.
    let program: String

    /// - Parameter package: the folder of Tether's sources.
    init(package: String) throws {
        let package = URL(fileURLWithPath: package)
        self.folder = package.appendingPathComponent(".build-tools/peers")
        self.program = package.appendingPathComponent("Sources/TetherBench/Peers/peer.py").path
        guard FileManager.default.fileExists(atPath: self.program) else {
            throw BenchmarkError("\(self.program) isn't there: --package is the folder of Tether's sources")
        }
    }

    func interpreter(of peer: Peer) -> URL {
        self.folder.appendingPathComponent(peer.rawValue).appendingPathComponent("bin/python3")
    }

    /// What was installed, as `pip` was asked for it; `nil` when it could not be.
    func installed(_ peer: Peer) -> String? {
        // Written last, when everything else is there.
        let wanted = self.folder.appendingPathComponent(peer.rawValue).appendingPathComponent("wanted")
        return try? String(contentsOf: wanted, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
