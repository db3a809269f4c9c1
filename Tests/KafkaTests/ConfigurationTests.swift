import Kafka
import Logging
import Testing

@Suite("Kafka configuration")
struct ConfigurationTests {
    private func opening(_ properties: [String: String]) -> KafkaError? {
        do throws(KafkaError) {
            _ = try KafkaProducer(.test("127.0.0.1:1", properties), logger: quietLogger)
            return nil
        } catch {
            return error
        }
    }

    @Test("an unknown property is named in the error")
    func unknownProperty() throws {
        let error = try #require(self.opening(["sasl.pasword": "hunter2"]))
        #expect(error.code == "kafka.invalid_config")
        #expect(error.message.contains("`sasl.pasword`"))
        #expect(!error.description.contains("hunter2"))
    }

    @Test(
        "properties that a promise rests on can't be replaced",
        arguments: [
            ("enable.auto.commit", "true"), ("enable.auto.offset.store", "true"), ("enable.idempotence", "true"),
            ("isolation.level", "read_committed"), ("group.id", "mine"), ("transactional.id", "mine"),
            ("metadata.broker.list", "127.0.0.1:1"), ("session.timeout.ms", "10000"), ("auto.offset.reset", "latest"),
            ("partitioner", "random"), ("delivery.report.only.error", "true"),
        ]
    )
    func protected(name: String, value: String) throws {
        let error = try #require(self.opening([name: value]))
        #expect(error.code == "kafka.invalid_config")
        #expect(error.message.contains("`\(name)`"))
    }

    @Test("a value that isn't valid is shown, unless the property is a secret")
    func invalidValues() throws {
        #expect(try #require(self.opening(["security.protocol": "telnet"])).message.contains("telnet"))
        let secret = try #require(self.opening(["ssl.key.pem": "hunter2", "security.protocol": "ssl"]))
        #expect(secret.code == "kafka.invalid_config")
        #expect(!"\(secret) \(String(reflecting: secret))".contains("hunter2"))
    }

    @Test("a value with a zero byte is refused instead of cut short")
    func zeroByte() throws {
        #expect(try #require(self.opening(["sasl.password": "hun\0ter2"])).code == "kafka.invalid_config")
    }

    @Test("settings that contradict an idempotent producer are refused with the library's reason")
    func contradiction() throws {
        #expect(try #require(self.opening(["acks": "1"])).message.contains("acks"))
    }

    @Test("the user's properties win over Tether's own")
    func userWins() throws {
        #expect(self.opening(["linger.ms": "50", "compression.type": "lz4", "socket.timeout.ms": "7000"]) == nil)
        // The aliases of one setting, too: the library would refuse a batch of -1.
        #expect(self.opening(["batch.num.messages": "-1"])?.code == "kafka.invalid_config")
    }

    @Test("no description of a configuration shows a secret")
    func descriptions() {
        let configuration = KafkaConfiguration(
            bootstrapServers: "kafka:9093",
            properties: ["sasl.password": "hunter2", "ssl.key.password": "hunter3", "sasl.username": "tether"]
        )
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter"))
            #expect(text.contains("tether"))
        }
    }

    @Test("librdkafka's own log lines show no secret, even with all of its debugging on")
    func logs() async throws {
        let lines = CapturedLog()
        let logger = Logger(label: "captured", factory: { _ in lines.handler })
        let producer = try KafkaProducer(
            .test(
                "127.0.0.1:1",
                [
                    "debug": "all", "sasl.password": "hunter2", "sasl.username": "tether", "sasl.mechanism": "PLAIN",
                    "security.protocol": "sasl_plaintext",
                ]
            ),
            logger: logger
        )
        try await until("the client has tried to connect") { lines.text.contains("Connect") }
        await producer.close(flushTimeout: .zero)
        #expect(lines.text.contains("sasl.password"))
        #expect(!lines.text.contains("hunter2"))
    }

    @Test("a consumer without topics is refused")
    func noTopics() {
        #expect(throws: KafkaError.self) {
            _ = try KafkaConsumer(
                .test("127.0.0.1:1"),
                group: .init(id: "g"),
                topics: [],
                delegate: RecordingDelegate(),
                logger: quietLogger
            )
        }
    }
}
