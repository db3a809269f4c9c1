import Foundation
import Jobs
import Kafka
import Lab
import TestSupport
import Testing
import Worker

extension Integration {
    /// Every way that a secret gets into a worker, through success, failure and a crash; then a search of everything that came out.
    @Suite("No secret leaves a worker")
    struct SecretLeaks {
        @Test(
            "logs, records, headers, files, health and metrics, and the last words of a crash hold none, in no encoding",
            .enabled(if: getuid() == 0))
        func search() async throws {
            let world = try await World()
            defer { world.stop() }
            try await Fleet.with(extraDevices: world.devices, sections: world.sections) { fleet in
                try await world.run(fleet)
            }
        }
    }
}

/// A secret that is in nothing else, and where it may be found because the test itself wrote it there.
private struct Planted {
    let name: String
    let text: String
    /// Topics that it travels in by its nature.
    var topics: Set<String> = []

    init(_ name: String, topics: Set<String> = []) {
        self.name = name
        self.topics = topics
        // Letters that an encoding changes, in the middle of others.
        let random = (0..<3).map { _ in String(UInt64.random(in: .min ... .max), radix: 36) }
        self.text = "\(random[0])+\(random[1])%&\(random[2])"
    }

    /// What it may look like: itself, percent-encoded, in JSON, in base64 of either alphabet wherever it begins, in hexadecimal digits.
    var forms: [Data] {
        let bytes = Array(self.text.utf8)
        var texts = [self.text]
        texts.append(bytes.map { String(format: "%%%02X", $0) }.joined())
        texts.append(bytes.map { String(format: "%02x", $0) }.joined())
        for allowed in [CharacterSet.alphanumerics, .urlQueryAllowed, .urlHostAllowed] {
            texts.append(self.text.addingPercentEncoding(withAllowedCharacters: allowed) ?? self.text)
        }
        for shift in 0..<3 {
            // Without the characters at either end, which depend on the neighbours.
            let base64 = Data(repeating: 0, count: shift) + bytes
            let inner = String(
                base64.base64EncodedString().replacing("=", with: "").dropFirst(shift == 0 ? 0 : shift + 1).dropLast(2))
            texts.append(inner)
            texts.append(inner.replacing("+", with: "-").replacing("/", with: "_"))
        }
        return Set(texts).map { Data($0.utf8) }
    }

    func isIn(_ data: Data) -> Bool { self.forms.contains { data.range(of: $0) != nil } }
}

/// What the test gives a worker.
private struct World {
    /// Devices of the test's own: with an enable secret, and a key.
    private let farm: DeviceFarm
    private let vault: VaultServer
    private let folder: URL
    private var secrets: [String: Planted] = [:]
    private let roleID: String

    /// In the inventory file, the environment, files and services.
    private static let stored = [
        "plain", "environment", "default", "file", "exec", "exec-error", "exec-argument", "vault", "vault-secret-id",
        "enable", "passphrase", "wrong", "named",
        "sealed", "sealed-expired", "sasl",
    ]
    private static let jobTopics: Set<String> = ["jobs", "tasks"]

    init() async throws {
        for name in Self.stored { self.secrets[name] = Planted(name) }
        self.secrets["answer"] = Planted("answer", topics: Self.jobTopics)
        self.secrets["query"] = Planted("query", topics: Self.jobTopics)
        self.secrets["refused password"] = Planted("refused password", topics: ["jobs"])
        self.secrets["refused address"] = Planted("refused address", topics: ["jobs"])
        self.folder = FileManager.default.temporaryDirectory.appendingPathComponent("tether-leaks-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        let secrets = self.secrets
        func text(_ name: String) -> String { secrets[name]?.text ?? "" }
        let key = self.folder.appendingPathComponent("key").path
        try OpenSSHServer.run(
            "/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-a", "1", "-N", text("passphrase"), "-f", key])
        var options = DeviceFarm.Options(personalities: [.ciscoIOSXE], count: 8, namePrefix: "leak-")
        options.users = [
            "plain": text("plain"), "environment": text("environment"), "file": text("file"), "exec": text("exec"),
            "vault": text("vault"),
            "sealed": text("sealed"), "named": text("named"), "default": text("default"), "key": "-",
        ]
        options.enableSecret = text("enable")
        options.authorizedKeys = [try String(contentsOfFile: key + ".pub", encoding: .utf8)]
        self.farm = try DeviceFarm(options)
        self.vault = try await VaultServer.start()
        let role = try await self.vault.makeRole(ttl: "1s")
        self.roleID = role.roleID
        try await self.vault.write("leak", ["user": "vault", "password": text("vault"), "enable": text("enable")])
        self.secrets["vault-secret-id"] = Planted(existing: "vault-secret-id", role.secretID)
        func write(_ name: String, _ text: String) throws {
            try text.write(to: self.folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }
        try write("secret-id", role.secretID)
        try write("password", text("file") + "\n")
        try write(
            "helper",
            "#!/bin/sh\necho '\(text("exec-error"))' >&2\n[ \"$2\" = fail ] && { echo '\(text("exec"))'; exit 7; }\necho '{\"user\": \"exec\", \"password\": \"\(text("exec"))\"}'\n"
        )
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: self.folder.appendingPathComponent("helper").path)
    }

    func stop() {
        self.farm.stop()
        self.vault.stop()
        try? FileManager.default.removeItem(at: self.folder)
    }

    private func text(_ name: String) -> String { self.secrets[name]?.text ?? "" }

    /// Entries of the inventory.
    var devices: [String] {
        func device(_ index: Int, _ name: String, _ credential: String) -> String {
            "\(name): {host: 127.0.0.1, port: \(self.farm.devices[index].port), device_type: cisco_iosxe, \(credential)}"
        }
        func quoted(_ name: String) -> String { "'\(self.text(name))'" }
        let enable = "enable_secret: \(quoted("enable"))"
        let helper = self.folder.appendingPathComponent("helper").path
        return [
            device(0, "plain", "user: plain, password: \(quoted("plain")), \(enable)"),
            device(1, "environment", "user: environment, password: {env: LEAK_PASSWORD}, \(enable)"),
            device(2, "file", "user: file, password: {file: \(self.folder.path)/password, ttl: 1ms}, \(enable)"),
            device(3, "exec", "exec: [\(helper), \(quoted("exec-argument"))], \(enable)"),
            device(4, "vault", "vault: {path: secret/data/leak, ttl: 1ms}"),
            device(
                5, "key",
                "user: key, private_key: \(self.folder.path)/key, private_key_passphrase: \(quoted("passphrase")), \(enable)"
            ),
            device(6, "wrong", "user: plain, password: \(quoted("wrong"))"),
            device(7, "default", "user: default, \(enable)"),
            // The same devices with what fails.
            device(0, "enable-wrong", "user: plain, password: \(quoted("plain")), enable_secret: \(quoted("wrong"))"),
            device(3, "exec-fails", "exec: [\(helper), \(quoted("exec-argument")), fail]"),
            device(
                5, "passphrase-wrong",
                "user: key, private_key: \(self.folder.path)/key, private_key_passphrase: \(quoted("wrong"))"),
            "gone: {host: 127.0.0.1, port: 1, device_type: cisco_iosxe, user: plain, password: \(quoted("plain"))}",
        ]
    }

    var sections: String {
        """
        credentials:
          named: {user: named, password: '\(self.text("named"))'}
        vault:
          address: \(self.vault.address)
          auth: {approle: {role_id: \(self.roleID), secret_id: {file: \(self.folder.path)/secret-id}}}
        """
    }

    func run(_ fleet: Fleet) async throws {
        let cluster = fleet.cluster
        let keys = self.folder.appendingPathComponent("keys").path
        let key = try SealingKeys.generate(in: keys, now: 1)
        let artifacts = fleet.folder.appendingPathComponent("artifacts")
        try FileManager.default.createDirectory(at: artifacts, withIntermediateDirectories: true)
        let arguments = [
            "worker", "--kafka", cluster.bootstrapServers, "--topic-prefix", fleet.topics.prefix, "--inventory",
            fleet.inventory,
            "--name", "leaky", "--log-level", "trace", "--health", "127.0.0.1:0", "--artifacts", artifacts.path,
            "--url-networks", "127.0.0.0/8",
            "--known-hosts", fleet.folder.appendingPathComponent("known_hosts").path, "--sealing-keys", keys,
            "--kafka-property", "sasl.password=\(self.text("sasl"))", "--kafka-property", "sasl.username=tether",
            "--kafka-property", "sasl.mechanism=PLAIN", "--kafka-property", "debug=conf,security,protocol",
        ]
        let process = try ChildProcess.start(
            SiblingProgram.url("tether").path, arguments,
            environment: [
                "LEAK_PASSWORD": self.text("environment"), "TETHER_PASSWORD_DEFAULT": self.text("default"),
                // All that a crash can tell: the registers of all threads.
                "SWIFT_BACKTRACE": "enable=yes,symbolicate=off,threads=all,registers=all,color=no,interactive=no",
            ],
            on: cluster.leash)

        // Success and failure, by every way.
        let outcomes: [(device: String, code: String?)] = [
            ("plain", nil), ("environment", nil), ("file", nil), ("exec", nil), ("vault", nil), ("key", nil),
            ("default", nil),
            ("wrong", "auth.failed"), ("enable-wrong", "privilege.denied"), ("exec-fails", "credential.unavailable"),
            ("passphrase-wrong", "auth.failed"), ("gone", "connect.refused"),
        ]
        for (device, _) in outcomes { try await fleet.submit("job-\(device)", to: [device], "show version") }
        for (device, code) in outcomes {
            let result = try await fleet.replies.result(of: "job-\(device)")
            #expect(
                result.error?.code == code,
                "\(device): \(String(describing: result.error)) \(process.errors.suffix(2_000))")
        }
        try await self.submitOthers(fleet, key.publicKey)
        // Vault goes away.
        self.vault.stop()
        try await fleet.write(Array(#"{"type": "close", "devices": ["vault"]}"#.utf8), to: fleet.topics.control)
        try await until("the session is closed") { self.farm.devices[4].counters.openSessions == 0 }
        try await fleet.submit("job-vault-down", to: ["vault"], "show version")
        #expect(try await fleet.replies.result(of: "job-vault-down").error?.code == "credential.unavailable")

        var pages = Data()
        if let port = process.errors.firstMatch(of: /address=\S*?:(\d+) .*health checks are served/).flatMap({
            Int($0.1)
        }) {
            for path in ["/health/live", "/health/ready", "/metrics", "/", "/status"] {
                pages += Data(try await HealthProbe.get(path, port: port).utf8)
            }
        }
        #expect(!pages.isEmpty)
        let limits = try String(contentsOfFile: "/proc/\(process.processIdentifier)/limits", encoding: .utf8)
        #expect(limits.firstMatch(of: #/Max core file size +0 +0 /#) != nil)

        // In the middle of a command, with sessions open and credentials in memory.
        try await fleet.submit("job-last", to: ["plain"], "lab silent")
        try await until("it runs") { self.farm.devices[0].commands.contains { $0.command == "lab silent" } }
        process.send(signal: SIGABRT)
        // After its last words a process goes on that didn't send the signal itself, as abort(3) would a second time.
        try await until("its last words") { !process.isRunning || process.errors.contains("Backtrace took") }
        process.send(signal: SIGABRT)
        #expect(try await process.end() == -SIGABRT)

        try await self.search(fleet, process, pages)
    }

    private func submitOthers(_ fleet: Fleet, _ key: SealingPublicKey) async throws {
        let hour = Int64(Date().timeIntervalSince1970 * 1000) + 3_600_000
        let sealed = try SealedPayload(
            user: "sealed", password: self.text("sealed"), enable: self.text("enable"), expires: hour
        ).sealed(to: key)
        let expired = try SealedPayload(user: "sealed", password: self.text("sealed-expired"), expires: 0).sealed(
            to: key)
        let show = Jobs.Operation.run([Command("show version")])
        func job(
            _ id: String, _ operation: Jobs.Operation, on device: String = "plain", _ credential: JobCredential? = nil
        ) -> Job {
            Job(id: id, targets: [device], operation: operation, effect: .read, credential: credential)
        }
        let query = self.text("query").addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let url = "http://127.0.0.1:1/file?X-Signature=\(query)"
        let enable = Command(
            "enable", answers: [Answer(.text(self.text("answer")), to: "assword: ?")])
        let jobs: [(job: Job, code: String?)] = [
            (job("sealed", show, .sealed(sealed)), nil),
            (job("sealed-expired", show, .sealed(expired)), "credential.sealed"),
            (job("named", show, "named"), nil), (job("missing", show, "nobody"), "credential.missing"),
            (job("answer", .run([Command("disable"), enable])), "dialogue.question"),
            (
                job("upload", .upload(.init(.url(url, sha256: String(repeating: "0", count: 64)), remotePath: "a"))),
                "url.failed"
            ),
        ]
        for (job, _) in jobs { try await fleet.submit(job) }
        for (job, code) in jobs {
            let result = try await fleet.replies.result(of: job.id ?? "")
            #expect(result.error?.code == code, "\(job.id ?? ""): \(String(describing: result.error))")
        }
        let refused = [
            #"{"id": "refused-1", "targets": ["plain"], "operation": {"type": "probe"}, "credential": {"user": "plain", "password": "\#(self.text("refused password"))"}}"#,
            #"{"id": "refused-2", "targets": ["plain"], "operation": {"type": "upload", "source": {"url": "http://u:\#(query)\#(self.text("refused address"))@h/a", "sha256": "\#(String(repeating: "0", count: 64))"}, "remote_path": "a"}}"#,
        ]
        for text in refused { try await fleet.write(Array(text.utf8), to: fleet.topics.jobs) }
        try await fleet.replies.read("refusals") { records in
            try fleet.replies.replies.count { $0.reply.type == "rejected" } == refused.count
        }
    }

    /// Searches all that the worker wrote, after a check that the search finds what is there.
    private func search(_ fleet: Fleet, _ process: ChildProcess, _ pages: Data) async throws {
        let decoy = Planted("decoy")
        let hidden = fleet.folder.appendingPathComponent("decoy")
        try ("x" + decoy.text).data(using: .utf8)?.base64EncodedData().write(to: hidden)
        let percent = decoy.text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        try await fleet.write(nil, to: fleet.topics.control, key: "k", headers: [KafkaHeader("x", percent)])
        try await fleet.write(Array(decoy.text.utf8), to: fleet.topics.events)

        var findings: Set<String> = []
        let all = self.secrets.values + [decoy]
        func look(_ data: Data, in place: String, topic: String? = nil) {
            for secret in all where !(topic.map(secret.topics.contains) ?? false) && secret.isIn(data) {
                findings.insert("\(secret.name) in \(place)")
            }
        }
        look(pages, in: "health and metrics")
        var records = 0
        for topic in fleet.topics.all {
            let log = try await TopicLog(topic, on: fleet.cluster)
            try await log.readToEnd()
            let name = String(topic.dropFirst(fleet.topics.prefix.count + 1))
            for record in log.records {
                records += 1
                look(Data(record.key ?? []), in: "a key of \(name)", topic: name)
                look(Data(record.value ?? []), in: "a value of \(name)", topic: name)
                for header in record.headers {
                    look(Data(header.name.utf8) + Data(header.value ?? []), in: "a header of \(name)", topic: name)
                }
            }
            await log.close()
        }
        #expect(records > 60)
        let files = FileManager.default.enumerator(at: fleet.cluster.leash.folder, includingPropertiesForKeys: nil)
        var searched: [String] = []
        while let file = files?.nextObject() as? URL {
            // What the test wrote itself.
            guard file.path != fleet.inventory, file.pathExtension != "in", let data = try? Data(contentsOf: file)
            else { continue }
            look(data, in: file.lastPathComponent)
            searched.append(file.lastPathComponent)
        }
        #expect(searched.contains("known_hosts") && searched.contains { $0.hasSuffix(".err") })
        let words = process.errors
        #expect(words.contains("trace") || words.contains("debug"), "the log is at its most talkative")
        #expect(words.utf8.count > 10_000)
        #expect(
            findings == ["decoy in decoy", "decoy in a header of control", "decoy in a value of events"],
            "\(findings.sorted())")
    }
}

extension Planted {
    /// One that somebody else made up.
    fileprivate init(existing name: String, _ text: String) {
        self.name = name
        self.text = text
    }
}
