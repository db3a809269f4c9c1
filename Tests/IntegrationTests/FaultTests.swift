import Foundation
import Testing

extension Integration {
    @Suite("A fleet under faults")
    struct Faults {
        /// The short form of `deploy/faults`: what can be expected of a loaded machine.
        @Test(
            "workers are killed, ended and join, devices reboot, fall silent and slow down: no promise is broken",
            arguments: ["at_least_once", "exactly_once"])
        func short(delivery: String) async throws {
            let cluster = try Cluster.current
            let broker = ProcessInfo.processInfo.environment["TETHER_TEST_BROKER"] ?? "noida-db"
            let (status, output, errors) = try await ChildProcess.run(
                try Product.path(of: "tether-faults"),
                [
                    "--seed", "7", "--minutes", "0.5", "--rate", "3", "--delivery", delivery, "--broker", broker,
                    "--folder", cluster.leash.folder.appendingPathComponent("faults-\(delivery)").path, "--verbose",
                    "--faults", "kill,terminate,join,reboot device,black-hole device,hang device,slow device",
                ],
                within: .seconds(240),
                on: cluster.leash
            )
            #expect(status == 0, "\(String(decoding: output, as: UTF8.self)) \(errors)")
        }
    }
}
