import Foundation
import Lab

/// Where the simulated devices are: one address each, all on one port.
struct SimulatedDevices: Sendable {
    var host: String
    var count: Int
    var port: Int
    var user = "admin"
    var password = "admin"

    /// The address of a device; indices past the last begin anew.
    func host(_ index: Int) -> String {
        let octets = self.host.split(separator: ".").compactMap { UInt32($0) }
        let number = octets.reduce(0) { $0 << 8 | $1 } + UInt32(index % self.count)
        return [24, 16, 8, 0].map { String(number >> $0 & 255) }.joined(separator: ".")
    }

    /// Devices of `tether-lab`, in a process of their own, for the time of `body`.
    ///
    /// They begin in privileged mode, so that the reference program, which knows no privileges, sees the same prompt as ours.
    static func with<Result>(
        count: Int,
        _ body: (SimulatedDevices, ChildProcess) async throws -> Result
    ) async throws -> Result {
        let arguments = ["devices", "--count", "\(count)", "--one-address-each", "--base-port", "0", "--privileged"]
        let process = try ChildProcess(try SiblingProgram.url("tether-lab"), arguments)
        do {
            // `ready devices=50 first=127.0.0.1:40123`
            let ready = try await process.line(withPrefix: "ready ", within: .seconds(60))
            guard let first = ready.split(separator: " ").first(where: { $0.hasPrefix("first=") })?.dropFirst(6),
                let colon = first.lastIndex(of: ":"), let port = Int(first[first.index(after: colon)...])
            else { throw BenchmarkError("tether-lab said something else than where its devices are: \(ready)") }
            let devices = SimulatedDevices(host: String(first[..<colon]), count: count, port: port)
            let result = try await body(devices, process)
            await process.stop()
            return result
        } catch {
            await process.stop()
            throw error
        }
    }
}
