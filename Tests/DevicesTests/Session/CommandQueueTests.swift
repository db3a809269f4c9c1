import Testing

@testable import Devices

@Suite("The queue of a session's commands")
struct CommandQueueTests {
    private struct Request: QueuedRequest, Equatable {
        let id: Int
        var turn: Int?
    }

    @Test("one at a time, in order of arrival")
    func order() throws {
        var queue = CommandQueue<Request>()
        for id in 1...3 { try queue.append(Request(id: id)) }
        for id in 1...3 {
            #expect(queue.startNext()?.id == id)
            #expect(queue.startNext() == nil)
            #expect(queue.finish()?.id == id)
        }
        #expect(queue.startNext() == nil && queue.isEmpty)
    }

    @Test("a waiting request leaves when it is cancelled, a running one is to be interrupted")
    func cancellation() throws {
        var queue = CommandQueue<Request>()
        for id in 1...3 { try queue.append(Request(id: id)) }
        _ = queue.startNext()
        if case .left(let request) = queue.cancel(2) { #expect(request.id == 2) } else { Issue.record("2 was waiting") }
        if case .isRunning = queue.cancel(1) {} else { Issue.record("1 was running") }
        if case .isUnknown = queue.cancel(2) {} else { Issue.record("2 had left") }
        _ = queue.finish()
        #expect(queue.startNext()?.id == 3)
    }

    @Test("a queue that refuses gives back who waits, starts nothing more, and keeps its first reason")
    func refusal() throws {
        var queue = CommandQueue<Request>()
        for id in 1...3 { try queue.append(Request(id: id)) }
        _ = queue.startNext()
        let first = DeviceError(code: "session.lost", message: "first")
        #expect(queue.refuse(first).map(\.id) == [2, 3])
        #expect(queue.refuse(DeviceError(code: "session.closed", message: "second")).isEmpty)
        #expect(queue.finish()?.id == 1)
        #expect(queue.startNext() == nil)
        #expect(throws: first) { try queue.append(Request(id: 4)) }
    }
}
