import Foundation
import Jobs

/// The name of a destination with `{device}`, `{job}` and `{date}` replaced, so that one job can write one file for each device.
struct DestinationName {
    var device: String
    var job: String
    /// In milliseconds since 1970.
    var submitted: Int64

    init(of task: DeviceTask) {
        self.device = task.device
        self.job = task.job
        self.submitted = task.submitted
    }

    /// The day (UTC) on which the job was submitted, so that a task that is run again writes the same file.
    private var date: String {
        let seconds = Double(min(max(self.submitted, 0), 253_402_300_799_999)) / 1000
        return String(Date(timeIntervalSince1970: seconds).ISO8601Format().prefix(10))
    }

    /// In a path: what stands for a part of it stays one part, whatever characters a device's or a job's name has.
    func path(_ template: String) -> String {
        self.replace(template) { name in
            let safe = String(
                name.unicodeScalars.map { scalar in
                    let isUnsafe = scalar == "/" || scalar == "\\" || scalar.properties.generalCategory == .control
                    return isUnsafe ? Character("_") : Character(scalar)
                })
            return safe.hasPrefix(".") ? "_" + safe.dropFirst() : safe
        }
    }

    /// In an address: percent-encoded but for what RFC 3986, section 2.3, leaves unreserved.
    func url(_ template: String) -> String {
        self.replace(template) { name in
            name.utf8.reduce(into: "") { text, byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                    UInt8(ascii: "~"):
                    text.unicodeScalars.append(Unicode.Scalar(byte))
                default:
                    let digits = String(byte, radix: 16, uppercase: true)
                    text += "%" + (digits.count == 1 ? "0" : "") + digits
                }
            }
        }
    }

    /// One pass: what a name holds is not replaced again.
    private func replace(_ template: String, _ escape: (String) -> String) -> String {
        var result = ""
        var rest = template[...]
        while let open = rest.firstIndex(of: "{") {
            result += rest[..<open]
            rest = rest[open...]
            if rest.hasPrefix("{device}") {
                result += escape(self.device)
                rest = rest.dropFirst(8)
            } else if rest.hasPrefix("{job}") {
                result += escape(self.job)
                rest = rest.dropFirst(5)
            } else if rest.hasPrefix("{date}") {
                result += self.date
                rest = rest.dropFirst(6)
            } else {
                result.append(rest.removeFirst())
            }
        }
        return result + rest
    }
}
