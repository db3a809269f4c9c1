import Foundation
import Lab
import Testing

extension Integration {
    @Suite("A fleet under faults")
    struct Faults {
        /// The short form of `deploy/faults`, with both ways of delivery and all kinds of faults but a topic that grows.
        @Test(
            "workers are killed, stopped, frozen and cut off, the broker restarts, devices fail: no promise is broken")
        func short() async throws {
            let cluster = try Cluster.current
            let broker = ProcessInfo.processInfo.environment["TETHER_TEST_BROKER"] ?? "noida-db"
            let (status, output, errors) = try await ChildProcess.run(
                try SiblingProgram.url("tether-faults").path,
                [
                    "--seed", "7", "--minutes", "0.34", "--round", "11", "--rate", "3", "--delivery", "both",
                    "--broker", broker, "--folder", cluster.leash.folder.appendingPathComponent("faults").path,
                    "--verbose", "--faults",
                    "kill,terminate,freeze,isolate,join,restart broker,cut broker connections,slow broker,reboot device,"
                        + "black-hole device,hang device,slow device",
                ],
                within: .seconds(240),
                on: cluster.leash
            )
            #expect(status == 0, "\(String(decoding: output, as: UTF8.self)) \(errors)")
        }
    }
}
