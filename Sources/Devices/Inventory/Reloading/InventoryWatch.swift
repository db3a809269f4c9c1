import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import SSH

/// Reads an inventory from its files and sources, and again when they change.
///
/// ```swift
/// let watch = InventoryWatch(path: "inventory")
/// let client = try DeviceClient(DeviceClient.Configuration(inventory: try await watch.load()))
/// async let following: Void = client.follow(watch)
/// ```
///
/// Files are looked at every two seconds; a change is taken when they stay the same for that long. Sources are asked as often as they say. Safe to use
/// from any task; one at a time loads.
public final class InventoryWatch: Sendable {
    /// What a source has given.
    private struct Answer: Sendable {
        enum Origin: Sendable { case known, fetched, cache }
        var source: InventorySource
        var answer: SourceAnswer
        var origin: Origin
    }

    private struct State {
        var changes = FileChanges()
        /// The last answers that an inventory was made of.
        var known: [InventorySource: SourceAnswer] = [:]
        var due: [InventorySource: NIODeadline] = [:]
        /// Somebody wants everything read now.
        var isWanted = false
        var pause: EventLoopPromise<Void>?
    }

    public let path: String
    private let environment: [String: String]
    private let interval: Duration
    private let logger: Logger
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - path: A file, or a directory of files.
    ///   - interval: Between two looks at the files.
    public convenience init(
        path: String, interval: Duration = .seconds(2), logger: Logger = Logger(label: "tether.inventory")
    ) {
        self.init(path: path, environment: ProcessInfo.processInfo.environment, interval: interval, logger: logger)
    }

    /// - Parameter environment: What `{env: NAME}` refers to.
    package init(
        path: String, environment: [String: String], interval: Duration = .seconds(2),
        logger: Logger = Logger(label: "tether.inventory")
    ) {
        self.path = path
        self.environment = environment
        self.interval = interval
        self.logger = logger
    }

    /// Reads everything now. A source that doesn't serve is replaced by its last good answer, of this watch or from its cache file.
    ///
    /// - Throws: the mistakes; and why a source has given nothing, where there is no earlier answer.
    public func load() async throws(InventoryError) -> Inventory {
        self.state.withLockedValue { $0.due = [:] }
        return try await self.read().inventory
    }

    /// Reads everything anew at once, whether or not it has changed. For signals, say.
    public func readAgain() {
        let pause = self.state.withLockedValue { state in
            state.isWanted = true
            return state.pause
        }
        pause?.succeed()
    }

    /// Hands over each new inventory, and why there is none where one should be, until the task is cancelled.
    public func run(_ take: (Result<Inventory, InventoryError>) async -> Void) async {
        while true {
            await self.rest()
            guard !Task.isCancelled else { return }
            let path = self.path
            let stamps = await self.apart { FileStamps(path: path) }
            let (isWanted, hasChanged, isDue) = self.state.withLockedValue { state in
                defer { state.isWanted = false }
                if state.isWanted { state.due = [:] }
                let now = NIODeadline.now()
                return (state.isWanted, state.changes.look(stamps), state.due.values.contains { $0 <= now })
            }
            guard isWanted || hasChanged || isDue else { continue }
            do throws(InventoryError) {
                let (inventory, isNews) = try await self.read()
                guard !Task.isCancelled else { return }
                if isWanted || hasChanged || isNews { await take(.success(inventory)) }
            } catch {
                guard !Task.isCancelled else { return }
                self.state.withLockedValue { state in
                    state.due = state.due.mapValues { max($0, .now() + Self.pauseAfterFailure) }
                }
                await take(.failure(error))
            }
        }
    }

    /// Sources aren't asked again before.
    private static let pauseAfterFailure = TimeAmount.seconds(30)

    // MARK: Reading

    /// - Returns: and whether a source has given something else than before.
    private func read() async throws(InventoryError) -> (inventory: Inventory, isNews: Bool) {
        let (path, environment) = (self.path, self.environment)
        let stamps = await self.apart { FileStamps(path: path) }
        self.state.withLockedValue { $0.changes.reads(stamps) }
        let files = try await self.apart { () -> Result<InventoryReader, InventoryError> in
            do throws(InventoryError) {
                return .success(try InventoryReader(path: path, environment: environment))
            } catch {
                return .failure(error)
            }
        }.get()
        self.forget(allBut: files.sources)
        // Mistakes in the files first: asking sources may take its time.
        if !files.sources.isEmpty, let error = files.mistakes.error { throw error }
        var answers: [Answer] = []
        for source in files.sources { answers.append(try await self.answer(of: source)) }
        let taken = answers
        let inventory = try await self.apart { () -> Result<Inventory, InventoryError> in
            do throws(InventoryError) {
                var reader = files
                for answer in taken { reader.read(answer.answer, of: answer.source) }
                return .success(try Inventory(reader))
            } catch {
                return .failure(error)
            }
        }.get()
        return (inventory, await self.keep(answers))
    }

    /// A source's answer: what is known while it isn't due, else a new one, else the last one that was good.
    private func answer(of source: InventorySource) async throws(InventoryError) -> Answer {
        let (known, isDue) = self.state.withLockedValue { state in
            (state.known[source], state.due[source].map { $0 <= .now() } ?? true)
        }
        if let known, !isDue { return Answer(source: source, answer: known, origin: .known) }
        do throws(InventoryError) {
            let answer = try await SourceClient.fetch(source)
            self.setDue(source, after: source.refresh)
            return Answer(source: source, answer: answer, origin: .fetched)
        } catch {
            self.setDue(source, after: min(source.refresh, .nanoseconds(Self.pauseAfterFailure.nanoseconds)))
            if let known {
                self.logger.error(
                    "a source of the inventory doesn't serve; its devices stay as they were",
                    metadata: ["error": "\(error)", "age": "\(Self.age(of: known))"])
                return Answer(source: source, answer: known, origin: .known)
            }
            guard let cached = await self.apart({ SourceAnswer(cachedFor: source) }) else { throw error }
            self.logger.warning(
                "a source of the inventory doesn't serve; its devices are those of the cache",
                metadata: ["error": "\(error)", "cache": "\(source.cache ?? "")", "age": "\(Self.age(of: cached))"])
            return Answer(source: source, answer: cached, origin: .cache)
        }
    }

    /// By chance up to a tenth earlier or later: not all workers at once.
    private func setDue(_ source: InventorySource, after time: Duration) {
        let due = NIODeadline.now() + TimeAmount(time * Double.random(in: 0.9...1.1))
        self.state.withLockedValue { $0.due[source] = due }
    }

    /// Remembers the answers that an inventory was made of, and writes new ones to their caches: only what is known to be good.
    ///
    /// - Returns: whether one of them differs from the one before it.
    private func keep(_ answers: [Answer]) async -> Bool {
        var isNews = false
        for entry in answers where entry.origin != .known {
            let old = self.state.withLockedValue { $0.known.updateValue(entry.answer, forKey: entry.source) }
            isNews = isNews || old != entry.answer
            guard entry.origin == .fetched, entry.source.cache != nil else { continue }
            let failure = await self.apart { () -> String? in
                do { try entry.answer.store(for: entry.source) } catch { return "\(error)" }
                return nil
            }
            if let failure {
                self.logger.warning("the answer of a source can't be kept", metadata: ["error": "\(failure)"])
            }
        }
        return isNews
    }

    private func forget(allBut sources: [InventorySource]) {
        let sources = Set(sources)
        self.state.withLockedValue { state in
            state.known = state.known.filter { sources.contains($0.key) }
            state.due = state.due.filter { sources.contains($0.key) }
        }
    }

    private static func age(of answer: SourceAnswer) -> String {
        "\(max(0, Int(Date().timeIntervalSince(answer.fetched))))s"
    }

    // MARK: Parts

    /// Waits for the interval, or until somebody wants everything read, or the task is cancelled.
    private func rest() async {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: Void.self)
        let isWanted = self.state.withLockedValue { state in
            state.pause = promise
            return state.isWanted
        }
        if isWanted || Task.isCancelled { promise.succeed() }
        let timer = loop.scheduleTask(in: TimeAmount(self.interval)) { promise.succeed() }
        await withTaskCancellationHandler {
            _ = await promise.futureResult.outcome()
        } onCancel: {
            promise.succeed()
        }
        timer.cancel()
        self.state.withLockedValue { $0.pause = nil }
    }

    /// Does what blocks on a thread that may be blocked.
    private func apart<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: body()) }
        }
    }
}

extension Inventory {
    /// Reads an inventory with all its sources, as ``InventoryWatch/load()`` does, once.
    public static func load(path: String) async throws(InventoryError) -> Inventory {
        try await InventoryWatch(path: path).load()
    }

    /// - Parameter environment: What `{env: NAME}` refers to.
    package static func load(path: String, environment: [String: String]) async throws(InventoryError) -> Inventory {
        try await InventoryWatch(path: path, environment: environment).load()
    }
}
