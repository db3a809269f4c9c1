import Testing

@testable import Kafka

@Suite("What librdkafka tells of itself")
struct KafkaStatisticsTests {
    /// Statistics of a consumer with these partitions, each a list of its fields.
    private func lags(_ partitions: [String]) throws -> [Int64] {
        let fields = partitions.enumerated().map {
            "\"\($0)\":{\"partition\":\($0),\"fetch_state\":\"active\",\($1)}"
        }
        let text = "{\"topics\":{\"t\":{\"topic\":\"t\",\"partitions\":{\(fields.joined(separator: ","))}}}}"
        return try #require(KafkaStatistics(json: Array(text.utf8))).partitions.map(\.lag)
    }

    @Test("what waits in the queue that all partitions share counts once, not once for each")
    func sharedQueue() throws {
        let lags = try self.lags([
            #""ls_offset":1000,"next_offset":1000,"app_offset":700,"committed_offset":600,"lo_offset":0,"fetchq_cnt":500"#,
            #""ls_offset":1000,"next_offset":950,"app_offset":750,"committed_offset":600,"lo_offset":0,"fetchq_cnt":500"#,
            // Nothing of it is this one's.
            #""ls_offset":40,"next_offset":40,"app_offset":40,"committed_offset":40,"lo_offset":0,"fetchq_cnt":500"#,
        ])
        #expect(lags == [300, 250, 0])
    }

    @Test("before anything was handed over, the count is from where reading began")
    func beginning() throws {
        let lags = try self.lags([
            #""ls_offset":90,"next_offset":80,"app_offset":-1001,"committed_offset":70,"lo_offset":0,"fetchq_cnt":500"#,
            #""ls_offset":90,"next_offset":80,"app_offset":-1001,"committed_offset":-1001,"lo_offset":60,"fetchq_cnt":5"#,
        ])
        #expect(lags == [20, 15])
    }

    @Test("the marks of transactions that stand at the end don't count")
    func marks() throws {
        #expect(
            try self.lags([#""ls_offset":11,"next_offset":11,"app_offset":10,"committed_offset":10,"fetchq_cnt":0"#])
                == [0])
    }
}
