import DequeModule
import Devices
import Foundation
import Jobs
import Kafka
import Logging
import NIOConcurrencyHelpers

/// Puts what happens to devices' sessions, and to the inventory, on the topic of events, in order.
///
/// Never blocks and never fails: events wait in a queue of their own while Kafka is slow, and the oldest are dropped, and counted, when it is full.
/// Safe to use from any thread.
final class EventPublisher: Sendable {
    struct Figures: Sendable, Hashable {
        /// Not acknowledged yet.
        var waiting = 0
        /// Never written: the queue was full, or Kafka refused them.
        var dropped = 0
    }

    private struct State: Sendable {
        var queue: Deque<ProducerRecord> = []
        var sent = 0
        var dropped = 0
        /// Somebody hands events to the producer; nobody else may, or their order would be lost.
        var isPumping = false
    }

    /// Events that wait at most.
    static let capacity = 20_000
    /// Handed to the producer and not acknowledged, at most: far from what would fill its queue.
    static let maximumSent = 1_000

    private let producer: KafkaProducer
    private let topic: String
    private let worker: String
    private let capacity: Int
    private let maximumSent: Int
    private let logger: Logger
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - producer: not transactional, and nobody else's; closed with this.
    ///   - capacity: events that wait at most, besides those handed to the producer.
    init(
        producer: KafkaProducer,
        topic: String,
        worker: String,
        capacity: Int = EventPublisher.capacity,
        maximumSent: Int = EventPublisher.maximumSent,
        logger: Logger
    ) {
        self.producer = producer
        self.topic = topic
        self.worker = worker
        self.capacity = capacity
        self.maximumSent = maximumSent
        self.logger = logger
    }

    var statistics: KafkaStatistics? { self.producer.statistics }

    var figures: Figures {
        self.state.withLockedValue { Figures(waiting: $0.queue.count + $0.sent, dropped: $0.dropped) }
    }

    func take(_ event: DeviceEvent) { self.publish(Event(event, worker: self.worker, time: Self.now)) }

    /// Names of devices in an event about an inventory, at most.
    static let maximumNames = 20

    func take(_ news: InventoryNews) {
        let kind: Event.Kind =
            switch news {
            case .changed(let change):
                .inventoryChanged(
                    devices: change.deviceCount, added: change.added.count, removed: change.removed.count,
                    changed: change.changed.count, names: change.names(atMost: Self.maximumNames))
            case .refused(let error): .inventoryRefused(code: error.code, message: error.description)
            }
        self.publish(Event(device: nil, worker: self.worker, time: Self.now, kind: kind))
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    private func publish(_ event: Event) {
        var value: [UInt8] = []
        event.encode(into: &value)
        let record = ProducerRecord(topic: self.topic, key: Array(event.key.utf8), value: value)
        let isFirstDropped = self.state.withLockedValue { state in
            state.queue.append(record)
            guard state.queue.count > self.capacity else { return false }
            state.queue.removeFirst()
            state.dropped += 1
            return state.dropped == 1
        }
        if isFirstDropped {
            self.logger.warning("events are dropped: Kafka doesn't take them as fast as they come")
        }
        self.pump()
    }

    /// Writes what waits, within the limit.
    func close(flushTimeout: Duration = .seconds(5)) async {
        let end = ContinuousClock.now + flushTimeout
        while self.figures.waiting > 0, ContinuousClock.now < end { await ReplyPublisher.rest() }
        await self.producer.close(flushTimeout: .zero)
        let lost = self.figures
        if lost.waiting > 0 || lost.dropped > 0 {
            self.logger.warning(
                "events were not written", metadata: ["events": "\(lost.waiting + lost.dropped)"])
        }
    }

    /// Hands on as many as may be under way. Acknowledgements call it again.
    private func pump() {
        let isMine = self.state.withLockedValue { state in
            guard !state.isPumping else { return false }
            state.isPumping = true
            return true
        }
        guard isMine else { return }
        while let record = self.next() {
            do {
                try self.producer.send(record) { [weak self] result in
                    guard let self else { return }
                    let hasFailed = if case .failure = result { true } else { false }
                    self.done(hasFailed: hasFailed)
                    self.pump()
                }
            } catch {
                self.done(hasFailed: true)
            }
        }
    }

    /// The next event to be handed on; `nil`, and the end of pumping, when there is none or enough are under way.
    private func next() -> ProducerRecord? {
        self.state.withLockedValue { state in
            guard state.sent < self.maximumSent, let record = state.queue.popFirst() else {
                state.isPumping = false
                return nil
            }
            state.sent += 1
            return record
        }
    }

    private func done(hasFailed: Bool) {
        self.state.withLockedValue { state in
            state.sent -= 1
            if hasFailed { state.dropped += 1 }
        }
    }
}

extension Event {
    init(_ event: DeviceEvent, worker: String, time: Int64) {
        let kind: Kind =
            switch event.kind {
            case .sessionOpened(let session, let elapsed): .sessionOpened(session: session, elapsed: elapsed)
            case .sessionClosed(let session, let reason): .sessionClosed(session: session, reason: reason.rawValue)
            case .sessionLost(let session, let code, let message):
                .sessionLost(session: session, code: code, message: message)
            case .unreachable(let code, let message, let failures, let pause):
                .deviceUnreachable(code: code, message: message, failures: failures, pause: pause)
            case .recovered: .deviceRecovered
            case .hostKeyChanged(let message): .hostKeyChanged(message: message)
            case .credentialLocked(let user, let scope, let pause):
                .credentialLocked(user: user, scope: scope, pause: pause)
            }
        self.init(device: event.device, worker: worker, time: time, kind: kind)
    }
}
