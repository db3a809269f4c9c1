extension Event {
    /// Reads and checks an event. Pure: any thread.
    /// - Throws: `job.undecodable`, `job.invalid`, or `job.unsupported` (a `type` that this version doesn't know).
    package init(decoding bytes: [UInt8]) throws(JobsError) {
        self = try RecordDecoding.decode(bytes, jobField: "job") { fields throws(FieldError) in
            let kind = try Kind(fields)
            return Event(
                device: kind.isOfInventory ? nil : try fields.requiredText("device", .target),
                worker: try fields.requiredText("worker", .derivedID),
                time: try fields.requiredInteger("time", 0...Int64.max),
                kind: kind
            )
        }
    }

    /// Appends the record's JSON to `buffer`.
    package func encode(into buffer: inout [UInt8]) {
        JSONWriter.append(to: &buffer) { writer in
            writer.object { writer in
                writer.field("version", RecordDecoding.version)
                writer.field("type", self.type)
                if let device { writer.field("device", device) }
                writer.field("worker", self.worker)
                writer.field("time", self.time)
                self.kind.write(to: &writer)
            }
        }
    }
}

extension Event.Kind {
    fileprivate var isOfInventory: Bool {
        switch self {
        case .inventoryChanged, .inventoryRefused: true
        default: false
        }
    }

    fileprivate init(_ fields: Fields) throws(FieldError) {
        func words(_ name: String) throws(FieldError) -> String {
            try fields.required(name) { value throws(FieldError) in try Fields.anyText(value) }
        }
        func time(_ name: String) throws(FieldError) -> Duration {
            _ = try fields.required(name)
            return try fields.seconds(name)
        }
        switch try words("type") {
        case "session.opened":
            self = .sessionOpened(
                session: try fields.requiredText("session", .derivedID), elapsed: try time("elapsed"))
        case "session.closed":
            self = .sessionClosed(
                session: try fields.requiredText("session", .derivedID),
                reason: try fields.requiredText("reason", .name))
        case "session.lost":
            self = .sessionLost(
                session: try fields.requiredText("session", .derivedID),
                code: try fields.requiredText("code", .derivedID), message: try words("message"))
        case "device.unreachable":
            self = .deviceUnreachable(
                code: try fields.requiredText("code", .derivedID), message: try words("message"),
                failures: try fields.requiredInteger("failures", 1...Int.max), pause: try time("pause"))
        case "device.recovered": self = .deviceRecovered
        case "hostkey.changed": self = .hostKeyChanged(message: try words("message"))
        case "credential.locked":
            self = .credentialLocked(
                user: try words("user"), scope: try words("scope"), pause: try time("pause"))
        case "inventory.changed":
            self = .inventoryChanged(
                devices: try fields.requiredInteger("devices", 0...Int.max),
                added: try fields.requiredInteger("added", 0...Int.max),
                removed: try fields.requiredInteger("removed", 0...Int.max),
                changed: try fields.requiredInteger("changed", 0...Int.max),
                names: try fields.requiredList("names", of: "names") { value throws(FieldError) in
                    try Fields.text(value, .target)
                })
        case "inventory.refused":
            self = .inventoryRefused(
                code: try fields.requiredText("code", .derivedID), message: try words("message"))
        case let other:
            let known = Wording.alternatives([
                "session.opened", "session.closed", "session.lost", "device.unreachable", "device.recovered",
                "hostkey.changed", "credential.locked", "inventory.changed", "inventory.refused",
            ])
            throw FieldError("expected \(known), found \(Wording.quoted(other))", kind: .unsupported, at: "type")
        }
    }

    fileprivate func write(to writer: inout JSONWriter) {
        switch self {
        case .sessionOpened(let session, let elapsed):
            writer.field("session", session)
            writer.field("elapsed", seconds: elapsed)
        case .sessionClosed(let session, let reason):
            writer.field("session", session)
            writer.field("reason", reason)
        case .sessionLost(let session, let code, let message):
            writer.field("session", session)
            writer.field("code", code)
            writer.field("message", message)
        case .deviceUnreachable(let code, let message, let failures, let pause):
            writer.field("code", code)
            writer.field("message", message)
            writer.field("failures", failures)
            writer.field("pause", seconds: pause)
        case .deviceRecovered: break
        case .hostKeyChanged(let message): writer.field("message", message)
        case .credentialLocked(let user, let scope, let pause):
            writer.field("user", user)
            writer.field("scope", scope)
            writer.field("pause", seconds: pause)
        case .inventoryChanged(let devices, let added, let removed, let changed, let names):
            writer.field("devices", devices)
            writer.field("added", added)
            writer.field("removed", removed)
            writer.field("changed", changed)
            writer.name("names")
            writer.array(names) { $0.string($1) }
        case .inventoryRefused(let code, let message):
            writer.field("code", code)
            writer.field("message", message)
        }
    }
}
