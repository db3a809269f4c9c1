import Jobs
import Kafka
import NIOConcurrencyHelpers
import NIOCore

/// Sends a running command's output as `output` records: joined to pieces of a useful size, but never held back for long.
final class OutputStream: Sendable {
    /// Bytes in one record at most: fits under the broker's default limit even when every byte needs an escape.
    static let pieceLimit = 128 * 1024
    /// Output that has been waiting for this long goes out as it is.
    static let patience = TimeAmount.milliseconds(50)

    private struct State: Sendable {
        var pending: [UInt8] = []
        var next: Int
        var flush: Scheduled<Void>?
    }

    private let task: DeviceTask
    private let command: Int
    private let attempt: Int
    private let publisher: ReplyPublisher
    private let eventLoop: any EventLoop
    private let state: NIOLockedValueBox<State>

    init(task: DeviceTask, command: Int, attempt: Int, first: Int, publisher: ReplyPublisher, eventLoop: any EventLoop)
    {
        self.task = task
        self.command = command
        self.attempt = attempt
        self.publisher = publisher
        self.eventLoop = eventLoop
        self.state = NIOLockedValueBox(State(next: first))
    }

    /// Called on the session's event loop.
    func append(_ buffer: ByteBuffer) {
        self.state.withLockedValue { state in
            state.pending.append(contentsOf: buffer.readableBytesView)
            while state.pending.count >= Self.pieceLimit {
                guard self.send(&state) else { break }
            }
            if !state.pending.isEmpty && state.flush == nil {
                state.flush = self.eventLoop.scheduleTask(in: Self.patience) { self.flush() }
            }
        }
    }

    private func flush() {
        self.state.withLockedValue { state in
            state.flush = nil
            while !state.pending.isEmpty {
                guard self.send(&state) else {
                    // No room in the producer's queue: the output waits here (bounded by the session's output limit).
                    state.flush = self.eventLoop.scheduleTask(in: Self.patience) { self.flush() }
                    return
                }
            }
        }
    }

    /// Sends what is left, waiting for room; returns the next sequence number.
    func finish() async -> Int {
        let (rest, next) = self.state.withLockedValue { state in
            state.flush?.cancel()
            state.flush = nil
            defer { state.pending = [] }
            return (state.pending, state.next)
        }
        return await Self.publish(
            rest, of: self.task, command: self.command, attempt: self.attempt, first: next, through: self.publisher
        )
    }

    private func send(_ state: inout State) -> Bool {
        let piece = Self.piece(of: state.pending[...], isWhole: false)
        let record = Self.record(
            piece, of: self.task, command: self.command, attempt: self.attempt, sequence: state.next)
        guard self.publisher.tryPublish(record) else { return false }
        state.pending.removeFirst(piece.count)
        state.next += 1
        return true
    }

    /// Publishes bytes that are at hand as `output` records, waiting for room; returns the next sequence number.
    static func publish(
        _ bytes: [UInt8], of task: DeviceTask, command: Int, attempt: Int, first: Int, through publisher: ReplyPublisher
    ) async -> Int {
        var next = first
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = Self.piece(of: rest, isWhole: true)
            await publisher.publish(Self.record(piece, of: task, command: command, attempt: attempt, sequence: next))
            rest = rest.dropFirst(piece.count)
            next += 1
        }
        return next
    }

    /// The next record's bytes: not cut inside a character, unless there is nothing else or it is all there will be.
    private static func piece(of bytes: ArraySlice<UInt8>, isWhole: Bool) -> [UInt8] {
        let piece = Array(bytes.prefix(Self.pieceLimit))
        if isWhole && piece.count == bytes.count { return piece }
        let boundary = Output.textBoundary(in: piece)
        return boundary == 0 ? piece : Array(piece[..<boundary])
    }

    private static func record(_ bytes: [UInt8], of task: DeviceTask, command: Int, attempt: Int, sequence: Int)
        -> ProducerRecord
    {
        let output = Output(
            job: task.job, task: task.id, device: task.device, sequence: sequence, command: command, attempt: attempt,
            bytes: bytes
        )
        return ReplyRoute(of: task).record(for: .output(output), job: task.job)
    }
}
