import ArgumentParser
import Devices
import Foundation
import Jobs
import Kafka
import TestSupport
import Testing

@testable import TetherCLI

@Suite("Exit statuses")
struct ExitStatusTests {
    @Test("numbers are what scripts rely on")
    func numbers() {
        #expect(
            ExitStatus.allCases.map(\.rawValue) == [0, 1, 3, 4, 64, 65, 69, 70, 73, 124, 130, 141])
        #expect(ExitStatus.usage.code == .validationFailure)
    }

    @Test("an error that ends a command has the status of its kind")
    func errors() {
        func kafka(_ code: String) -> KafkaError { KafkaError(code: code, number: 0, message: "") }
        #expect(ExitStatus(of: CommandFailure(.cannotWrite, "")) == .cannotWrite)
        #expect(ExitStatus(of: kafka("kafka.transport")) == .unavailable)
        #expect(ExitStatus(of: kafka("kafka.invalid_config")) == .usage)
        #expect(ExitStatus(of: InventoryError(message: "")) == .invalidInput)
        #expect(ExitStatus(of: DeviceError(code: "inventory.invalid", message: "")) == .invalidInput)
        #expect(ExitStatus(of: DeviceError(code: "connect.refused", message: "")) == .failed)
        #expect(ExitStatus(of: JobsError(code: "job.invalid", message: "")) == .invalidInput)
        #expect(ExitStatus(of: CancellationError()) == .interrupted)
        #expect(ExitStatus(of: CocoaError(.fileWriteNoPermission)) == .cannotWrite)
        #expect(ExitStatus(of: CocoaError(.fileReadNoSuchFile)) == .invalidInput)
        // The parser knows its own best.
        #expect(ExitStatus(of: ValidationError("")) == nil)
        #expect(ExitStatus(of: ExitCode(7)) == nil)
    }

    @Test("README has them all, as they are")
    func readme() throws {
        let readme = try String(contentsOf: Repository.root.appendingPathComponent("README.md"), encoding: .utf8)
        for status in ExitStatus.allCases {
            #expect(readme.contains("| \(status.rawValue) | \(status.meaning) |"))
        }
    }
}
