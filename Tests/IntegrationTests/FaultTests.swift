import Foundation
import Lab
import Testing

extension Integration {
    @Suite("A fleet under faults")
    struct Faults {
        /// The short form of `deploy/faults`: the kinds of faults in which the development broker, behind its proxy, keeps to what Apache Kafka promises
        /// however loaded the machine is.
        @Test(
            "a worker joins and leaves, the network stumbles, devices reboot, fall silent and slow down: no promise is broken"
        )
        func short() async throws {
            let cluster = try Cluster.current
            let broker = ProcessInfo.processInfo.environment["TETHER_TEST_BROKER"] ?? "noida-db"
            let (status, output, errors) = try await ChildProcess.run(
                try SiblingProgram.url("tether-faults").path,
                [
                    "--seed", "7", "--minutes", "0.5", "--rate", "3", "--delivery", "at_least_once", "--broker", broker,
                    "--folder", cluster.leash.folder.appendingPathComponent("faults").path, "--verbose",
                    "--faults",
                    "join,cut broker connections,slow broker,reboot device,black-hole device,hang device,slow device",
                ],
                within: .seconds(240),
                on: cluster.leash
            )
            #expect(status == 0, "\(String(decoding: output, as: UTF8.self)) \(errors)")
        }
    }
}
