import Foundation
import Testing

@testable import TetherCLI

@Suite struct SettingsTests {
    private func file(_ yaml: String, environment: [String: String] = [:]) throws -> SettingsFile {
        try SettingsFile(yaml: yaml, file: "/etc/tether/tether.yaml", environment: environment)
    }

    @Test("an option wins over a variable, that over the file, and that over the default")
    func precedence() throws {
        let file = try self.file("worker:\n  drain_timeout: 3s\n")
        let variable = ["TETHER_WORKER_DRAIN_TIMEOUT": "2s"]
        let option = ["worker.drain_timeout": "1s"]
        let setting = Settings.drainTimeout

        let nothing = try Settings(nil)
        #expect(try nothing.value(setting) == .seconds(20))
        #expect(nothing.origin(of: setting) == .default)
        let fromFile = try Settings(file)
        #expect(try fromFile.value(setting) == .seconds(3))
        #expect(fromFile.origin(of: setting) == .file("/etc/tether/tether.yaml", line: 2))
        let fromVariable = try Settings(file, environment: variable)
        #expect(try fromVariable.value(setting) == .seconds(2))
        #expect(fromVariable.origin(of: setting) == .variable("TETHER_WORKER_DRAIN_TIMEOUT"))
        let fromOption = try Settings(file, options: option, environment: variable)
        #expect(try fromOption.value(setting) == .seconds(1))
        #expect(fromOption.origin(of: setting) == .option("--drain-timeout"))
    }

    @Test("every setting is known by key and variable, has a default of its own form, and a name that is nobody else's")
    func table() throws {
        #expect(Set(Settings.all.map(\.key)).count == Settings.all.count)
        #expect(Set(Settings.all.map(\.variable)).count == Settings.all.count)
        let options = Settings.all.compactMap(\.option)
        #expect(Set(options).count == options.count)
        for setting in Settings.all {
            if let text = setting.defaultText { #expect(setting.accepts(text), "\(setting.key): \(text)") }
            #expect(setting.form == .list || !setting.accepts(""), "\(setting.key)")
            // A variable reaches its setting.
            let text = setting.defaultText.flatMap { $0.isEmpty ? nil : $0 } ?? self.example(of: setting)
            let settings = try Settings(nil, environment: [setting.variable: text])
            #expect(settings.entries[setting.key]?.text == text)
            #expect(settings.entries[setting.key]?.origin == .variable(setting.variable))
        }
    }

    private func example(of setting: AnySetting) -> String {
        if case .choice(let words) = setting.form { return words[0] }
        return "10.0.0.0/8"
    }

    @Test("TETHER_KAFKA names the servers, as it always has; an empty variable says nothing")
    func aliases() throws {
        let settings = try Settings(nil, environment: ["TETHER_KAFKA": "a:9092", "TETHER_POLICY": ""])
        #expect(try settings.value(Settings.kafkaServers) == ["a:9092"])
        #expect(settings.origin(of: Settings.kafkaServers) == .variable("TETHER_KAFKA"))
        #expect(try settings.optional(Settings.policy) == nil)
        let both = try Settings(nil, environment: ["TETHER_KAFKA": "a:9092", "TETHER_KAFKA_SERVERS": "b:9092"])
        #expect(try both.value(Settings.kafkaServers) == ["b:9092"])
    }

    @Test("a variable that is nearly a setting is told of; credentials and others' variables are not")
    func unknownVariables() {
        let environment = [
            "TETHER_WORKER_DRAIN_TIMOUT": "1s", "TETHER_USER_DEFAULT": "a", "TETHER_KAFKA": "b", "PATH": "c",
            "TETHER_WORKER_NAME": "d", "TETHER_TEST_LOG": "e",
        ]
        let notes = Settings.unknownVariables(in: environment)
        #expect(notes == ["$TETHER_WORKER_DRAIN_TIMOUT is no setting; did you mean `TETHER_WORKER_DRAIN_TIMEOUT`?"])
    }

    @Test("lists, paths, secrets and properties are read from the file as one would write them")
    func forms() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("settings-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try "hunter2\n".write(to: folder.appendingPathComponent("secret"), atomically: true, encoding: .utf8)
        let path = folder.appendingPathComponent("tether.yaml").path
        try """
        x-note: &broker a:9092
        kafka:
          servers: [*broker, "b:9092"]
          sasl: {mechanism: PLAIN, username: tether, password: {file: secret}}
          properties:
            client.rack: {env: RACK}
            socket.timeout.ms: 5000
        inventory: inventory
        worker:
          roles: [route, execute]
          reply_topics: mine.*, yours
          drain_timeout: 1500ms
          max_deadline: 7d
          allow_ad_hoc_targets: true
          inline_output: 1MiB
        sessions: {idle_timeout: never, max_age: 90}
        log:
          level:
        """.write(toFile: path, atomically: true, encoding: .utf8)
        let settings = try Settings(
            file: path, properties: ["socket.timeout.ms=6000", "a=b=c"], environment: ["RACK": "r1"])
        #expect(try settings.value(Settings.kafkaServers) == ["a:9092", "b:9092"])
        #expect(try settings.value(Settings.saslPassword) == "hunter2")
        #expect(
            settings.properties.mapValues(\.text) == ["client.rack": "r1", "socket.timeout.ms": "6000", "a": "b=c"])
        #expect(try settings.value(Settings.inventory) == folder.appendingPathComponent("inventory").path)
        #expect(try settings.value(Settings.roles) == ["route", "execute"])
        #expect(try settings.value(Settings.replyTopics) == ["mine.*", "yours"])
        #expect(try settings.value(Settings.drainTimeout) == .milliseconds(1500))
        #expect(try settings.value(Settings.maximumDeadline) == .seconds(7 * 86_400))
        #expect(try settings.value(Settings.allowAdHocTargets) == true)
        #expect(try settings.value(Settings.inlineOutput) == 1 << 20)
        #expect(try settings.value(Settings.idleTimeout) == nil)
        #expect(try settings.value(Settings.maximumAge) == .seconds(90))
        #expect(settings.origin(of: Settings.logLevel) == .default)
        for shown in [
            settings.text(withOrigin: true), settings.json(withOrigin: true), settings.text(withOrigin: false),
        ] {
            #expect(!shown.contains("hunter2") && shown.contains("[redacted]"))
        }
    }

    @Test(
        "a mistake in the file is told with its line and what would be right",
        arguments: [
            ("wroker: {}\n", ":1: wroker: unknown key; did you mean `worker`?"),
            ("worker:\n  drain_timeot: 1s\n", ":2: worker.drain_timeot: unknown key; did you mean `drain_timeout`?"),
            ("drain_timeout: 1s\n", ":1: drain_timeout: unknown key; did you mean `worker.drain_timeout`?"),
            ("kafka:\n  tls: {caa: x}\n", ":2: kafka.tls.caa: unknown key; did you mean `ca`?"),
            ("worker:\n  drain_timeout: soon\n", ":2: worker.drain_timeout: must be a time span"),
            ("worker:\n  drain_timeout: [1s]\n", ":2: worker.drain_timeout: must be a time span"),
            (
                "worker: {results: exactly_twice}\n",
                ":1: worker.results: must be one of `at_least_once`, `exactly_once`"
            ),
            ("worker: {max_targets: 0}\n", "must be a whole number from 1 to"),
            ("worker: {allow_ad_hoc_targets: yes}\n", "must be `true` or `false`"),
            ("worker: {inline_output: 1MB}\n", "must be a number of bytes"),
            ("worker: 7\n", "must be a mapping"),
            (
                "kafka: {sasl: {password: {env: NOBODY_HAS_THIS}}}\n",
                "the environment variable `NOBODY_HAS_THIS` is not set"
            ),
            ("kafka: {sasl: {password: {file: /nowhere/at/all}}}\n", "can't be read"),
            ("kafka: {servers: [\"a,b\"]}\n", "must be text without commas"),
            ("worker: {name: a}\nworker: {name: b}\n", "is given twice"),
            ("a: [\n", "is not YAML"),
        ] as [(String, String)])
    func mistakes(yaml: String, message: String) throws {
        let error = #expect(throws: SettingsError.self) { try self.file(yaml) }
        #expect(error?.description.hasPrefix("/etc/tether/tether.yaml") == true)
        // Columns aren't what this is about.
        let description = error?.description.replacing(#/:(\d+):\d+: /#) { ":\($0.output.1): " } ?? "none"
        #expect(description.contains(message), "\(error?.description ?? "none")")
    }

    @Test("a mistake elsewhere is told with the option's or the variable's name")
    func otherMistakes() throws {
        let option = #expect(throws: SettingsError.self) {
            try Settings(nil, options: ["worker.drain_timeout": "soon"])
        }
        #expect(option?.description.hasPrefix("--drain-timeout: must be a time span") == true)
        let variable = #expect(throws: SettingsError.self) {
            try Settings(nil, environment: ["TETHER_SESSIONS_MAX": "0"])
        }
        #expect(variable?.description.hasPrefix("$TETHER_SESSIONS_MAX: must be a whole number") == true)
        let property = #expect(throws: SettingsError.self) { try Settings(nil, properties: ["novalue"]) }
        #expect(property?.description.hasPrefix("--kafka-property: must be name=value") == true)
        let missing = #expect(throws: SettingsError.self) { try Settings(nil).value(Settings.inventory) }
        #expect(
            missing?.description.contains("--inventory") == true
                && missing?.description.contains("TETHER_INVENTORY") == true)
        #expect(throws: SettingsError.self) { try Settings(file: "/nowhere/at/all") }
        #expect(throws: SettingsError.self) { try Settings(environment: ["TETHER_CONFIG": "/nowhere/at/all"]) }
    }

    @Test("a worker is made with what the settings say, down to the last of them")
    func worker() throws {
        let settings = try Settings(
            self.file(
                """
                kafka: {servers: "a:9092", topic_prefix: lab}
                worker:
                  name: w1
                  roles: [execute]
                  results: exactly_once
                  reply_topics: [mine]
                  url_networks: [10.0.0.0/8]
                  default_deadline: 1m
                  window: 4000
                """))
        let worker = try settings.worker(policy: nil)
        #expect(worker.name == "w1" && worker.isStaticMember && worker.kafka.clientID == "w1")
        #expect(worker.roles == [.execute] && worker.topics.prefix == "lab" && worker.resultDelivery == .exactlyOnce)
        #expect(worker.replyTopics.map(\.description) == ["mine"])
        #expect(worker.urlNetworks.map(\.description) == ["10.0.0.0/8"])
        #expect(worker.defaultDeadline == .seconds(60) && worker.window == 4_000 && worker.drainTimeout == .seconds(20))
        for (yaml, message) in [
            ("worker: {roles: [rout]}", "did you mean `route`?"),
            ("worker: {url_networks: [10.0.0.1/8]}", "must be addresses"),
            ("worker: {artifacts: /nowhere/at/all}", "there is no folder"),
        ] {
            let settings = try Settings(self.file("kafka: {servers: a}\n\(yaml)\n"))
            let error = #expect(throws: SettingsError.self) { try settings.worker(policy: nil) }
            // Columns aren't what this is about.
            let description = error?.description.replacing(#/:(\d+):\d+: /#) { ":\($0.output.1): " } ?? "none"
            #expect(description.contains(message), "\(error?.description ?? "none")")
        }
    }
}
