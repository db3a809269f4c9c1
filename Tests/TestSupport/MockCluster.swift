import CRDKafka
import Lab

/// librdkafka's own mock brokers, on free ports of 127.0.0.1 in this process: for errors, delays and session time-outs on demand.
///
/// Has no administration, no isolation of transactions, no static membership; the first join of a group takes 3 s. A fetch is answered at the
/// end of `fetch.wait.max.ms`: set it to 10.
package final class MockCluster: @unchecked Sendable {
    // @unchecked: the mock's calls are thread-safe (each is passed to the mock's own thread), and the pointers never change.
    private let client: OpaquePointer
    private let cluster: OpaquePointer
    package let bootstrapServers: String

    /// Kafka's request types.
    package enum Request: Int16, Sendable {
        case produce = 0
        case fetch = 1
        case listOffsets = 2
        case metadata = 3
        case offsetCommit = 8
        case offsetFetch = 9
        case findCoordinator = 10
        case joinGroup = 11
        case heartbeat = 12
        case syncGroup = 14
        case initProducerID = 22
        case addOffsetsToTransaction = 25
        case endTransaction = 26
        case transactionOffsetCommit = 28
    }

    package init(brokers: Int = 1) throws {
        var text = [CChar](repeating: 0, count: 256)
        let settings = rd_kafka_conf_new()
        rd_kafka_conf_set(settings, "log_level", "0", nil, 0)
        guard let client = rd_kafka_new(RD_KAFKA_PRODUCER, settings, &text, text.count) else {
            rd_kafka_conf_destroy(settings)
            throw LabError("No client for the mock cluster.")
        }
        guard let cluster = rd_kafka_mock_cluster_new(client, Int32(brokers)) else {
            rd_kafka_destroy(client)
            throw LabError("No mock cluster.")
        }
        self.client = client
        self.cluster = cluster
        self.bootstrapServers = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
    }

    deinit {
        rd_kafka_mock_cluster_destroy(self.cluster)
        rd_kafka_destroy(self.client)
    }

    package func createTopic(_ name: String, partitions: Int = 1, replicas: Int = 1) {
        rd_kafka_mock_topic_create(self.cluster, name, Int32(partitions), Int32(replicas))
    }

    /// The next requests of this type are answered with these codes, one after the other.
    package func answer(_ request: Request, with codes: [Int32]) {
        let errors = codes.map { rd_kafka_resp_err_t(rawValue: $0) }
        rd_kafka_mock_push_request_errors_array(self.cluster, request.rawValue, errors.count, errors)
    }

    package func clearAnswers(_ request: Request) {
        rd_kafka_mock_clear_request_errors(self.cluster, request.rawValue)
    }

    /// Closes the broker's port. Brokers are numbered from 1.
    package func setDown(_ broker: Int) {
        rd_kafka_mock_broker_set_down(self.cluster, Int32(broker))
    }

    /// Opens the port again. The library ends the process if another socket has taken it meanwhile: with much else running, rather restart
    /// a ``TestBroker``, or use ``setRoundTrip(_:milliseconds:)``.
    package func setUp(_ broker: Int) {
        rd_kafka_mock_broker_set_up(self.cluster, Int32(broker))
    }

    package func setRoundTrip(_ broker: Int, milliseconds: Int) {
        rd_kafka_mock_broker_set_rtt(self.cluster, Int32(broker), Int32(milliseconds))
    }
}
