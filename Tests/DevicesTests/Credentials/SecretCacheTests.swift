import NIOCore
import SSH
import Testing

@testable import Devices

@Suite("The cache of secrets")
struct SecretCacheTests {
    private let place = SecretLocation(.file("/a"))
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private func text(_ answer: SecretCache.Answer) -> String {
        switch answer {
        case .document(let document): document.text?.withExposedValue { $0 } ?? "?"
        case .failure(let failure): "failure: \(failure.message)"
        case .wait: "wait"
        case .fetch: "fetch"
        }
    }

    private func success(_ text: String, lifetime: Duration? = nil) -> Result<SecretDocument, SecretFailure> {
        var document = SecretDocument(text: Secret(text))
        document.lifetime = lifetime
        return .success(document)
    }

    @Test("one fetch at a time, for all who wait; then what was fetched, until its time is over")
    func life() {
        var cache = SecretCache()
        #expect(self.text(cache.request(place, 1, newerThan: nil, now: start)) == "fetch")
        #expect(self.text(cache.request(place, 2, newerThan: nil, now: start)) == "wait")
        #expect(self.text(cache.request(place, 3, newerThan: nil, now: start)) == "wait")
        cache.leave(place, 2)
        let end = cache.ended(place, self.success("one"), timeToLive: .seconds(10), now: start)
        #expect(end.waiters == [1, 3] && !end.userHasChanged)
        #expect(self.text(cache.request(place, 4, newerThan: nil, now: start + .seconds(9))) == "one")
        #expect(self.text(cache.request(place, 5, newerThan: nil, now: start + .seconds(10))) == "fetch")
    }

    @Test(
        "the time to live is the shorter of the configured one and the place's own",
        arguments: [(60, nil, 60), (60, 5, 5), (5, 60, 5), (60, 0, 0)] as [(Int, Int?, Int)])
    func lifetimes(configured: Int, own: Int?, expected: Int) {
        var cache = SecretCache()
        _ = cache.request(place, 1, newerThan: nil, now: start)
        let result = self.success("one", lifetime: own.map { .seconds($0) })
        // Whoever waited gets it in any case.
        #expect(cache.ended(place, result, timeToLive: .seconds(configured), now: start).waiters == [1])
        let last = start + .seconds(Int64(expected))
        if expected > 0 {
            #expect(self.text(cache.request(place, 2, newerThan: nil, now: last - .nanoseconds(1))) == "one")
        }
        #expect(self.text(cache.request(place, 3, newerThan: nil, now: last)) == "fetch")
    }

    @Test("of many whose login was refused one fetches, and what it got serves all")
    func refreshes() {
        var cache = SecretCache()
        _ = cache.request(place, 1, newerThan: nil, now: start)
        guard
            case .success(let old) = cache.ended(place, self.success("old"), timeToLive: .seconds(60), now: start)
                .result
        else { return #expect(Bool(false)) }
        #expect(self.text(cache.request(place, 2, newerThan: old.generation, now: start)) == "fetch")
        #expect(self.text(cache.request(place, 3, newerThan: old.generation, now: start)) == "wait")
        #expect(self.text(cache.request(place, 4, newerThan: nil, now: start)) == "old", "others go on meanwhile")
        _ = cache.ended(place, self.success("new"), timeToLive: .seconds(60), now: start)
        #expect(self.text(cache.request(place, 5, newerThan: old.generation, now: start)) == "new")
    }

    @Test("a place that fails is left alone for a second; what it gave before is used while its time lasts")
    func failures() {
        var cache = SecretCache()
        _ = cache.request(place, 1, newerThan: nil, now: start)
        guard
            case .success(let old) = cache.ended(place, self.success("old"), timeToLive: .seconds(60), now: start)
                .result
        else { return #expect(Bool(false)) }
        _ = cache.request(place, 2, newerThan: old.generation, now: start)
        #expect(
            cache.ended(place, .failure(SecretFailure("down")), timeToLive: .seconds(60), now: start).waiters == [2])
        #expect(self.text(cache.request(place, 3, newerThan: nil, now: start)) == "old")
        #expect(self.text(cache.request(place, 4, newerThan: old.generation, now: start)) == "failure: down")
        let later = start + SecretCache.failurePause
        #expect(self.text(cache.request(place, 5, newerThan: old.generation, now: later)) == "fetch")
        _ = cache.ended(place, .failure(SecretFailure("still down")), timeToLive: .seconds(60), now: later)
        #expect(self.text(cache.request(place, 6, newerThan: nil, now: start + .seconds(59))) == "old")
        #expect(self.text(cache.request(place, 7, newerThan: nil, now: start + .seconds(60))) == "fetch")
    }

    @Test("a place that names another user is told")
    func otherUser() {
        var cache = SecretCache()
        func end(_ user: String, _ password: String) -> Bool {
            _ = cache.request(place, 1, newerThan: .max, now: start)
            let document = SecretDocument(fields: ["user": Secret(user), "password": Secret(password)])
            return cache.ended(place, .success(document), timeToLive: .seconds(60), now: start).userHasChanged
        }
        #expect([end("a", "1"), end("a", "2"), end("b", "2"), end("b", "2")] == [false, false, true, false])
    }

    @Test("what is forgotten is fetched again; places without number don't fill the memory")
    func forgetting() {
        var cache = SecretCache()
        _ = cache.request(place, 1, newerThan: nil, now: start)
        _ = cache.ended(place, self.success("one"), timeToLive: .seconds(60), now: start)
        cache.forget { $0 == place }
        #expect(self.text(cache.request(place, 2, newerThan: nil, now: start)) == "fetch")
        for number in 0..<10_000 {
            let other = SecretLocation(.file("/\(number)"))
            let now = start + .seconds(Int64(number))
            _ = cache.request(other, 1, newerThan: nil, now: now)
            _ = cache.ended(other, self.success("x"), timeToLive: .seconds(1), now: now)
        }
        #expect(
            Mirror(reflecting: cache).children.contains { ($0.value as? any Collection)?.count ?? 0 > 1_100 } == false)
    }
}
