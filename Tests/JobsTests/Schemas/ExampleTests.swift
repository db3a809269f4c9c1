import TestSupport
import Testing

@testable import Jobs

@Suite("Golden examples")
struct ExampleTests {
    @Test("every example decodes, and encodes to the same JSON")
    func roundTrip() throws {
        let examples = try Repository.exampleRecords()
        #expect(examples.count >= 10)
        for (name, bytes) in examples {
            var encoded: [UInt8] = []
            switch name.prefix(while: { $0.isLetter }) {
            case "job": try Job(decoding: bytes).encode(into: &encoded)
            case "task": try DeviceTask(decoding: bytes).encode(into: &encoded)
            case "progress": try JobProgress(decoding: bytes).encode(into: &encoded)
            case "event": try Event(decoding: bytes).encode(into: &encoded)
            case "control": try Control(decoding: bytes).encode(into: &encoded)
            default: try Reply(decoding: bytes).encode(into: &encoded)
            }
            #expect(try JSONReader.read(encoded) == JSONReader.read(bytes), "\(name)")
        }
    }

    @Test("a type of reply has an example, and says so in its name")
    func names() throws {
        for (name, bytes) in try Repository.exampleRecords()
        where !["job", "task", "progress", "control", "event"].contains(name.prefix { $0.isLetter }) {
            #expect(try name.hasPrefix(Reply(decoding: bytes).type), "\(name)")
        }
    }
}
