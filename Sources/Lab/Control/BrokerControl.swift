import NIOCore

/// The control commands of a broker with its proxy.
package enum BrokerControl {
    package static let help = """
        stats | cut [CLIENT] | fault none [CLIENT] | fault refuse | fault black-hole [CLIENT] | fault latency MS [CLIENT] | \
        fault throttle BYTES-PER-SECOND [CLIENT] | quit
        CLIENT is a client.id; without it everybody is meant.
        """

    /// Answers one command.
    /// - Parameter quit: called for `quit`.
    package static func answer(_ words: [String], proxy: BrokerProxy, quit: @Sendable () -> Void) async -> String {
        switch (words[0], words.count) {
        case ("stats", 1):
            let counters = await proxy.counters()
            return """
                {"connections":\(counters.connections),"requests":\(counters.requests),\
                "expired_sessions":\(counters.expiredSessions)}
                """
        case ("cut", 1...2):
            await proxy.cut(clientID: words.count > 1 ? words[1] : nil)
            return "ok"
        case ("fault", 2...4):
            let size = words[1] == "latency" || words[1] == "throttle" ? 3 : 2
            guard words.count >= size, words.count <= size + 1 else { return help }
            let fault = ProxyFault(words: Array(words[1..<size]))
            guard fault != nil || words[1] == "none" else { return help }
            do {
                try await proxy.setFault(fault, clientID: words.count > size ? words[size] : nil)
                return "ok"
            } catch { return "{\"error\":\"\(error)\"}" }
        case ("quit", 1):
            quit()
            return "ok"
        default: return help
        }
    }
}
