import Testing

@testable import Jobs

@Suite("Records there and back")
struct RoundTripTests {
    @Test("a job decodes to what was encoded")
    func jobs() throws {
        var generator = SeededGenerator()
        var buffer: [UInt8] = []
        for _ in 0..<1000 {
            let job = generator.job()
            buffer.removeAll(keepingCapacity: true)
            job.encode(into: &buffer)
            #expect(try Job(decoding: buffer) == job, "seed \(generator.seed)")
        }
    }

    @Test("a task decodes to what was encoded")
    func tasks() throws {
        var generator = SeededGenerator()
        var buffer: [UInt8] = []
        for _ in 0..<1000 {
            let task = generator.task()
            buffer.removeAll(keepingCapacity: true)
            task.encode(into: &buffer)
            #expect(try DeviceTask(decoding: buffer) == task, "seed \(generator.seed)")
        }
    }

    @Test("a reply decodes to what was encoded")
    func replies() throws {
        var generator = SeededGenerator()
        var buffer: [UInt8] = []
        for _ in 0..<2000 {
            let reply = generator.reply()
            buffer.removeAll(keepingCapacity: true)
            reply.encode(into: &buffer)
            #expect(try Reply(decoding: buffer) == reply, "seed \(generator.seed)")
        }
    }

    @Test("progress, control and event records decode to what was encoded")
    func progressAndControl() throws {
        var generator = SeededGenerator()
        var buffer: [UInt8] = []
        for _ in 0..<1000 {
            let (progress, control) = (generator.progress(), generator.control())
            buffer.removeAll(keepingCapacity: true)
            progress.encode(into: &buffer)
            #expect(try JobProgress(decoding: buffer) == progress, "seed \(generator.seed)")
            buffer.removeAll(keepingCapacity: true)
            control.encode(into: &buffer)
            #expect(try Control(decoding: buffer) == control, "seed \(generator.seed)")
            let event = generator.event()
            buffer.removeAll(keepingCapacity: true)
            event.encode(into: &buffer)
            #expect(try Event(decoding: buffer) == event, "seed \(generator.seed)")
        }
    }

    @Test("encoding appends to what the buffer holds")
    func appends() {
        var buffer: [UInt8] = [1, 2]
        Job(targets: ["r"], operation: .probe).encode(into: &buffer)
        #expect(
            String(decoding: buffer.dropFirst(2), as: UTF8.self)
                == #"{"version":1,"targets":["r"],"operation":{"type":"probe"}}"#)
        #expect(buffer[..<2] == [1, 2])
    }

    @Test("output keeps every byte: as text when it is UTF-8, else as base64")
    func output() throws {
        for bytes in [[], Array("é\r\n\u{1B}[0m\0".utf8), [0xFF, 0xFE], [0xC3], Array(UInt8.min ... .max)] as [[UInt8]]
        {
            let output = Reply.output(Output(job: "j", task: "j/r", device: "r", sequence: 0, command: 0, bytes: bytes))
            var buffer: [UInt8] = []
            output.encode(into: &buffer)
            #expect(try Reply(decoding: buffer) == output)
            let isText = String(validating: bytes, as: UTF8.self) != nil
            #expect(String(decoding: buffer, as: UTF8.self).contains(isText ? "\"text\":" : "\"base64\":"))
        }
    }

    @Test("output cut at the text boundary stays text, wherever the cut falls")
    func textBoundary() {
        let text = Array("aé€😀z€".utf8)
        for length in 0...text.count {
            let cut = Output.textBoundary(in: Array(text[..<length]))
            #expect(cut <= length && length - cut <= 3)
            #expect(String(validating: text[..<cut], as: UTF8.self) != nil)
        }
        // What can never become text isn't held back.
        for bytes in [[0xFF], [0x80], [0x80, 0x80, 0x80, 0x80], [0xC0], [0xF5], [0x41, 0xBF]] as [[UInt8]] {
            #expect(Output.textBoundary(in: bytes) == bytes.count)
        }
        #expect(Output.textBoundary(in: []) == 0)
    }

    @Test("a reply of another type is unsupported, and says which")
    func unknownType() {
        let error = #expect(throws: JobsError.self) {
            try Reply(decoding: Array(#"{"type":"begun","job":"j"}"#.utf8))
        }
        #expect(error?.code == "job.unsupported")
        #expect(
            error?.message == #"type: expected "accepted", "output", "result", "rejected" or "finished", found "begun""#
        )
        #expect(error?.jobID == "j")
    }
}
