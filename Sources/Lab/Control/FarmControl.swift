/// The control commands of a device farm.
package enum FarmControl {
    package static let help = """
        stats | devices | commands NAME | drop NAME|all | fault NAME|all KIND | delay NAME|all MS | rotate-key NAME|all | quit
        KIND: \(DeviceFault.names.joined(separator: ", "))
        """

    /// Answers one command.
    /// - Parameter quit: called for `quit`.
    package static func answer(_ words: [String], farm: DeviceFarm, quit: @Sendable () -> Void) -> String {
        switch (words[0], words.count) {
        case ("stats", 1):
            let counters = farm.counters
            return """
                {"devices":\(farm.devices.count),"connections":\(counters.connections),"logins":\(counters.logins),\
                "failed_logins":\(counters.failedLogins),"open":\(counters.openSessions),"commands":\(counters.commands),\
                "max_sessions_per_device":\(counters.maximumConcurrentSessions)}
                """
        case ("devices", 1): return farm.devices.map(line).joined(separator: "\n")
        case ("commands", 2):
            guard let device = farm.device(named: words[1]) else { return unknown(words[1]) }
            return device.commands.map { record in
                var text =
                    "{\"at\":\(record.at.seconds),\"session\":\(record.session),\"client_port\":\(record.clientPort),\"command\":"
                text.appendJSON(record.command)
                return text + "}"
            }.joined(separator: "\n")
        case ("drop", 2): return each(words[1], farm) { $0.dropConnections() }
        case ("fault", 3):
            if words[2] == "none" { return each(words[1], farm) { $0.setFault(nil) } }
            guard let fault = DeviceFault(name: words[2]) else { return error("no fault \(words[2])") }
            return each(words[1], farm) { $0.setFault(fault) }
        case ("delay", 3):
            guard let milliseconds = Int(words[2]) else { return error("\(words[2]) is not a number of milliseconds") }
            return each(words[1], farm) { $0.setResponseDelay(.milliseconds(milliseconds)) }
        case ("rotate-key", 2):
            do {
                for device in selected(words[1], farm) { try device.rotateHostKey() }
                return "ok"
            } catch { return Self.error(error.description) }
        case ("quit", 1):
            quit()
            return "ok"
        default: return help
        }
    }

    private static func line(_ device: SimulatedDevice) -> String {
        let counters = device.counters
        return """
            {"name":"\(device.name)","host":"\(device.host)","port":\(device.port),"personality":"\(device.personality.rawValue)",\
            "connections":\(counters.connections),"logins":\(counters.logins),"failed_logins":\(counters.failedLogins),\
            "open":\(counters.openSessions),"max_sessions":\(counters.maximumConcurrentSessions),"commands":\(counters.commands)}
            """
    }

    private static func selected(_ name: String, _ farm: DeviceFarm) -> [SimulatedDevice] {
        name == "all" ? farm.devices : farm.device(named: name).map { [$0] } ?? []
    }

    private static func each(_ name: String, _ farm: DeviceFarm, _ body: (SimulatedDevice) -> Void) -> String {
        let devices = selected(name, farm)
        if devices.isEmpty { return unknown(name) }
        devices.forEach(body)
        return "ok"
    }

    private static func unknown(_ name: String) -> String { error("no device \(name)") }

    private static func error(_ text: String) -> String {
        var line = "{\"error\":"
        line.appendJSON(text)
        return line + "}"
    }
}
