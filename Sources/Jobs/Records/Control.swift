/// A record of the control topic, which every worker reads whole. Schema: `schemas/control.schema.json`.
package enum Control: Sendable, Hashable {
    /// End a job's tasks: those that wait, those that run, and those that are still to be routed. Key: the job's id.
    case cancel(Cancellation)
    /// Close these devices' sessions, once nothing runs on them. The next task opens them anew. Key: free.
    case close(devices: [String])
    /// The worker of this name drains and ends. Key: the name.
    case drain(worker: String)

    package struct Cancellation: Sendable, Hashable {
        package var job: String
        /// Empty: all of the job's.
        package var devices: [String]

        package init(job: String, devices: [String] = []) {
            self.job = job
            self.devices = devices
        }
    }

    package static let maximumDevices = 10_000

    /// The record's key: what concerns one job, device or worker keeps its order.
    package var key: String {
        switch self {
        case .cancel(let cancellation): cancellation.job
        case .close(let devices): devices.first ?? ""
        case .drain(let worker): worker
        }
    }
}

extension Control {
    /// Reads and checks a control record. Pure: any thread.
    /// - Throws: `job.undecodable`, `job.invalid`, or `job.unsupported` (a `type` that this version doesn't know).
    package init(decoding bytes: [UInt8]) throws(JobsError) {
        self = try RecordDecoding.decode(bytes, jobField: "job") { fields throws(FieldError) in
            switch try fields.required("type", { value throws(FieldError) in try Fields.anyText(value) }) {
            case "cancel":
                let job = try fields.requiredText("job", .derivedID)
                let devices = try fields.list("devices", of: "devices", count: 1...Self.maximumDevices, Self.device)
                return .cancel(Cancellation(job: job, devices: devices ?? []))
            case "close":
                return .close(
                    devices: try fields.requiredList(
                        "devices", of: "devices", count: 1...Self.maximumDevices, Self.device))
            case "drain":
                return .drain(worker: try fields.requiredText("worker", .derivedID))
            case let other:
                let known = Wording.alternatives(["cancel", "close", "drain"])
                throw FieldError("expected \(known), found \(Wording.quoted(other))", kind: .unsupported, at: "type")
            }
        }
    }

    private static func device(_ value: JSONValue) throws(FieldError) -> String { try Fields.text(value, .target) }

    /// Appends the record's JSON to `buffer`.
    package func encode(into buffer: inout [UInt8]) {
        JSONWriter.append(to: &buffer) { writer in
            writer.object { writer in
                writer.field("version", RecordDecoding.version)
                switch self {
                case .cancel(let cancellation):
                    writer.field("type", "cancel")
                    writer.field("job", cancellation.job)
                    if !cancellation.devices.isEmpty { Self.write(cancellation.devices, to: &writer) }
                case .close(let devices):
                    writer.field("type", "close")
                    Self.write(devices, to: &writer)
                case .drain(let worker):
                    writer.field("type", "drain")
                    writer.field("worker", worker)
                }
            }
        }
    }

    private static func write(_ devices: [String], to writer: inout JSONWriter) {
        writer.name("devices")
        writer.array(devices) { writer, name in writer.string(name) }
    }
}
