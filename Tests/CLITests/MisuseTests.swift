import ArgumentParser
import Foundation
import Lab
import Logging
import TestSupport
import Testing

@testable import TetherCLI

/// What is said to somebody who makes a mistake.
@Suite("Mistakes on the command line")
struct MisuseTests {
    private func tether(_ arguments: [String], environment: [String: String] = [:]) throws -> (
        status: Int32, errors: String
    ) {
        let process = Process()
        process.executableURL = try SiblingProgram.url("tether")
        process.arguments = arguments
        process.environment = environment.merging(["PATH": "/usr/bin:/bin"]) { given, _ in given }
        process.standardInput = FileHandle.nullDevice
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    @Test(
        "a command is named as it is typed",
        arguments: [
            (SubmitCommand.self as any ParsableCommand.Type, "tether submit"),
            (InventoryCommand.Check.self, "tether inventory check"),
            (TopicsCommand.Create.self, "tether topics create"),
            (Tether.self, "tether"),
        ])
    func names(command: any ParsableCommand.Type, name: String) {
        #expect(Tether.name(of: command) == name)
    }

    @Test("what is found out while it runs points to the command's own help")
    func pointer() throws {
        let submit = try self.tether(["submit", "router1", "show clock", "--kafka", "127.0.0.1:1"])
        #expect(submit.status == 64)
        #expect(submit.errors.contains("commands follow -c"), "\(submit.errors)")
        #expect(submit.errors.contains("See 'tether submit --help'."), "\(submit.errors)")
        #expect(!submit.errors.contains("tether <subcommand>"), "\(submit.errors)")
    }

    @Test("the inventory may come from the environment for every command that reads one")
    func inventory() throws {
        let without = try self.tether(["run", "router1", "show clock"])
        #expect(without.status == 64)
        #expect(without.errors.contains("set TETHER_INVENTORY"), "\(without.errors)")
        let with = try self.tether(
            ["run", "router1", "show clock"], environment: ["TETHER_INVENTORY": "/nowhere/inventory.yaml"])
        #expect(with.status == 65)
        #expect(with.errors.contains("/nowhere/inventory.yaml"), "\(with.errors)")
    }

    @Test("an address that somebody else listens on is named before the worker joins its group")
    func address() async throws {
        let taken = try TakenPort()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tether-misuse-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let inventory = folder.appendingPathComponent("inventory.yaml")
        try Data("devices: {router1: {host: 192.0.2.1}}\n".utf8).write(to: inventory)
        let worker = try self.tether([
            "worker", "--kafka", "127.0.0.1:1", "--inventory", inventory.path, "--listen", "\(taken.port)",
        ])
        #expect(worker.status == 64)
        #expect(
            worker.errors.contains("--listen: can't listen on 127.0.0.1:\(taken.port): Address already in use"),
            "\(worker.errors)")
        #expect(!worker.errors.contains("worker starts"))
    }

    @Test("the reason that the client gave first is kept, without what would be said anyway")
    func complaints() {
        let complaints = Complaints()
        let logger = complaints.heard(by: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        #expect(complaints.first == nil)
        logger.warning(
            "kafka.ssl: Talking to the brokers failed: a:1/bootstrap: SSL handshake failed. Check `bootstrap.servers`.")
        logger.warning(
            "kafka.all_brokers_down: Talking to the brokers failed: 1/1 brokers are down. Check `bootstrap.servers`.")
        #expect(complaints.first == "a:1/bootstrap: SSL handshake failed")
    }

    @Test("a word is quoted where a shell needs it")
    func quoting() {
        #expect(ShellWord.quoted("nightly-1.2_x") == "nightly-1.2_x")
        #expect(ShellWord.quoted("a b") == "'a b'")
        #expect(ShellWord.quoted("it's") == #"'it'\''s'"#)
        #expect(ShellWord.quoted("") == "''")
    }
}

/// A port of this machine that is listened on until this is gone.
private final class TakenPort {
    let port: UInt16
    private let descriptor: Int32

    struct Failure: Error {}

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && listen(descriptor, 1) == 0
                    && getsockname(descriptor, address, &length) == 0
            }
        }
        guard descriptor >= 0, isBound else { throw Failure() }
        self.descriptor = descriptor
        self.port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(self.descriptor) }
}
