import Devices
import Foundation
import Testing

@testable import Worker

@Suite("Sealed credentials")
struct SealedCredentialTests {
    private let key = SealingPrivateKey(created: 1_700_000_000)
    private let future: Int64 = 4_000_000_000_000

    private func message(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "none"
        } catch {
            return (error as? SealingError)?.message ?? "\(error)"
        }
    }

    @Test("what was sealed with the public key's file is opened by the private key's, with every part")
    func roundTrip() throws {
        let payload = SealedPayload(
            user: "u", password: "pä ss", privateKey: String(repeating: "k", count: 12_000), passphrase: "p",
            enable: "e",
            expires: future, targets: ["core-*"], job: "j")
        let sealed = try payload.sealed(to: SealingPublicKey(key.publicKey.text))
        #expect(sealed.hasPrefix("1.\(key.publicKey.id)."))
        // As it is, and in base64. Three letters stand in 16,000 random ones by chance once in sixteen times.
        for shown in [String(repeating: "k", count: 16), String(repeating: "a2tr", count: 4)] {
            #expect(!sealed.contains(shown))
        }
        let opened = try SealedCredential(sealed).open(with: SealingPrivateKey(key.text))
        #expect(
            opened.credential
                == Credential(
                    user: "u", password: Secret("pä ss"),
                    privateKey: .memory(Secret(String(repeating: "k", count: 12_000))),
                    passphrase: Secret("p"), enableSecret: Secret("e")))
        #expect(opened.targets == ["core-*"] && opened.job == "j" && opened.expires == future)
        #expect(try payload.sealed(to: key.publicKey) != sealed, "each is different")
    }

    @Test("a change of any character makes it worthless, and so does another key under the same id")
    func damage() throws {
        let sealed = try SealedPayload(password: "p", expires: future).sealed(to: key.publicKey)
        let characters = Array(sealed)
        for index in characters.indices {
            var changed = characters
            changed[index] = changed[index] == "A" ? "B" : changed[index] == "0" ? "1" : "A"
            let text = String(changed)
            // The last character of base64 has bits that stand for nothing.
            if let one = try? SealedCredential(text), let opened = try? one.open(with: key) {
                #expect(index == characters.count - 1 || characters[index + 1] == ".", "\(index): \(opened)")
            }
        }
        for text in [
            "", "1", "1.a.b.c", "2" + sealed.dropFirst(), sealed + ".x", String(sealed.dropLast(8)), sealed + "==",
        ] {
            #expect(self.message { _ = try SealedCredential(text).open(with: key) }.hasPrefix("it is "), "\(text)")
        }
        let other = SealingPrivateKey(created: 0)
        #expect(self.message { _ = try SealedCredential(sealed).open(with: other) } == "it is damaged; seal it anew")
        var parts = sealed.split(separator: ".").map(String.init)
        parts[1] = other.publicKey.id
        #expect(
            self.message { _ = try SealedCredential(parts.joined(separator: ".")).open(with: key) }
                == "it is damaged; seal it anew", "the key id is authenticated")
    }

    @Test("what it may be used for is checked")
    func limits() throws {
        let inventory = try Inventory(
            yaml: """
                defaults: {device_type: linux}
                devices: {core-1: {host: a, tags: [x, y]}, edge-1: {host: b}}
                groups: {g: {members: [core-1]}}
                """)
        let cases: [(targets: [String], device: String, problem: String)] = [
            ([], "core-1", "none"), ([], "edge-1", "none"),
            (
                [], "192.0.2.7:22",
                "it was sealed for devices of the inventory: name the address when sealing to allow it"
            ),
            (["core-1"], "core-1", "none"), (["core-1"], "edge-1", "it was sealed for other devices"),
            (["core-*"], "core-1", "none"), (["core-*"], "edge-1", "it was sealed for other devices"),
            (["edge-1", "group:g"], "core-1", "none"), (["group:g"], "edge-1", "it was sealed for other devices"),
            (["tag:x&y"], "core-1", "none"), (["tag:x&z"], "core-1", "it was sealed for other devices"),
            (["all"], "edge-1", "none"), (["all"], "192.0.2.7:22", "it was sealed for other devices"),
            (["*"], "192.0.2.7:22", "it was sealed for other devices"),
            (["192.0.2.7:22"], "192.0.2.7:22", "none"), (["admin@192.0.2.7"], "192.0.2.7:22", "none"),
            (["192.0.2.7"], "192.0.2.8:22", "it was sealed for other devices"),
        ]
        for (targets, device, problem) in cases {
            let payload = SealedPayload(password: "p", expires: 1000, targets: targets)
            #expect(
                self.message { try payload.check(device: device, job: "j", in: inventory, now: 999) } == problem,
                "\(targets) \(device)")
        }
        let timed = SealedPayload(password: "p", expires: 1000, job: "j")
        #expect(
            self.message { try timed.check(device: "core-1", job: "j", in: inventory, now: 1000) }
                == "it has expired; seal it anew")
        #expect(
            self.message { try timed.check(device: "core-1", job: "k", in: inventory, now: 0) }
                == "it was sealed for another job")
    }

    @Test("no description holds a secret")
    func descriptions() throws {
        let payload = SealedPayload(password: "hunter2", expires: 0)
        var dumped = ""
        dump(payload, to: &dumped)
        dump(key, to: &dumped)
        #expect(!dumped.contains("hunter2") && !"\(payload)\(String(reflecting: payload))".contains("hunter2"))
    }

    // MARK: Keys

    private func folder() -> String {
        FileManager.default.temporaryDirectory.path + "/tether-keys-\(UUID().uuidString)"
    }

    @Test("keys are made for their owner's eyes only; the newest is sealed with, all open")
    func folderOfKeys() throws {
        let folder = self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let old = try SealingKeys.generate(in: folder, now: 100)
        let sealed = try SealedCredential(SealedPayload(password: "p", expires: future).sealed(to: old.publicKey))
        let keys = try SealingKeys(folder: folder)
        #expect(keys.newest?.publicKey.id == old.publicKey.id)
        let new = try SealingKeys.generate(in: folder, now: 200)
        #expect(try SealingKeys(folder: folder).all.map(\.publicKey.id) == [old.publicKey.id, new.publicKey.id])
        #expect(try sealed.open(with: try #require(SealingKeys(folder: folder).key(sealed.keyID))).password == "p")
        for path in [folder, "\(folder)/\(old.publicKey.id).key", "\(folder)/\(new.publicKey.id).key"] {
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == (path == folder ? 0o700 : 0o600))
        }
        #expect(throws: SealingKeyError.self) { try SealingKeys.remove("nothing", from: folder) }
        try SealingKeys.remove(old.publicKey.id, from: folder)
        #expect(try SealingKeys(folder: folder).key(old.publicKey.id) == nil)
    }

    @Test("a key that is added later is found when it is needed")
    func addedKey() async throws {
        let folder = self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try SealingKeys.generate(in: folder, now: 100)
        let keys = try SealingKeys(folder: folder)
        let new = try SealingKeys.generate(in: folder, now: 200)
        let deadline = ContinuousClock.now + .seconds(20)
        while keys.key(new.publicKey.id) == nil, ContinuousClock.now < deadline { await Task.yield() }
        #expect(keys.newest?.publicKey.id == new.publicKey.id)
    }

    @Test(
        "files that others may read, and what is no key, are refused", arguments: [0o640, 0o604, 0o660, 0o644, 0o610])
    func permissions(mode: Int) throws {
        let folder = self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let key = try SealingKeys.generate(in: folder, now: 100)
        let path = "\(folder)/\(key.publicKey.id).key"
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        let error = #expect(throws: SealingKeyError.self) { try SealingKeys(folder: folder) }
        #expect(error?.description == "\(path) may be read by others (mode \(String(mode, radix: 8))): chmod 600 it")
        try FileManager.default.removeItem(atPath: path)
        let stray = "\(folder)/stray.key"
        for text in ["", "{}", "hunter2", key.publicKey.text] {
            #expect(
                FileManager.default.createFile(
                    atPath: stray, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]))
            let error = #expect(throws: SealingKeyError.self) { try SealingKeys(folder: folder) }
            #expect(error?.description.hasPrefix("\(stray) is no ") == true)
        }
    }
}
