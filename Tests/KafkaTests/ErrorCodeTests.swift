import CRDKafka
import Testing

@testable import Kafka

@Suite("Kafka errors")
struct ErrorCodeTests {
    @Test("codes are the library's names in lower case, without the mark of its own ones")
    func names() {
        #expect(KafkaError.stableCode(RD_KAFKA_RESP_ERR__QUEUE_FULL) == "kafka.queue_full")
        #expect(KafkaError.stableCode(RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) == "kafka.topic_already_exists")
        #expect(KafkaError.stableCode(RD_KAFKA_RESP_ERR__FENCED) == "kafka.fenced")
        #expect(KafkaError.stableCode(RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE) == "kafka.offset_metadata_too_large")
    }

    @Test("no two codes get the same name")
    func unique() {
        var descriptions: UnsafePointer<rd_kafka_err_desc>?
        var count = 0
        rd_kafka_get_err_descs(&descriptions, &count)
        var seen: [String: Int32] = [:]
        for index in 0..<count {
            guard let description = descriptions?[index], description.name != nil else { continue }
            // Range markers of the library, and codes that exist for compatibility with an older name.
            guard description.code != RD_KAFKA_RESP_ERR__BEGIN, description.code != RD_KAFKA_RESP_ERR__END else {
                continue
            }
            let code = KafkaError.stableCode(description.code)
            #expect(seen[code] == nil, "\(code): \(seen[code] ?? 0) and \(description.code.rawValue)")
            seen[code] = description.code.rawValue
        }
        #expect(seen.count > 100)
    }

    @Test("an error says what was tried, what went wrong, and what to do")
    func sentences() {
        let error = KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "Asking for topic `a`")
        #expect(
            error.message
                == "Asking for topic `a` failed: Broker: Unknown topic or partition. Create the topic, or check its name and the right to describe it."
        )
        #expect(error.isRetriable)
        #expect(!error.isFatal)
        #expect(KafkaError(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, "x").isFatal)
    }

    @Test("the library's log levels become swift-log's, and noise is lowered")
    func logLevels() {
        #expect(kafkaLogLevel(3, facility: "SSL", message: "") == .error)
        #expect(kafkaLogLevel(4, facility: "MAXPOLL", message: "") == .warning)
        #expect(kafkaLogLevel(7, facility: "BROKER", message: "") == .debug)
        #expect(kafkaLogLevel(3, facility: "FAIL", message: "Connect to … failed") == .debug)
        #expect(kafkaLogLevel(0, facility: "X", message: "") == .critical)
    }
}
