import NIOCore
import Testing

@testable import Lab

@Suite("The coordinator of consumer groups")
struct ConsumerGroupTests {
    @Test("one member forms a group, and gets what it assigns to itself")
    func alone() throws {
        var stage = GroupStage()
        let join = stage.join(metadata: [7])
        let joined = try #require(stage.joined(join))
        #expect(joined.error == .noError && joined.generation == 1 && joined.leader == joined.memberID)
        #expect(joined.memberID.hasPrefix("c-"))
        #expect(joined.members == [.init(name: .init(id: joined.memberID), metadata: [7])])
        let early = stage.heartbeat(joined.memberID, generation: 1)
        #expect(early == GroupError.noError)
        let sync = stage.sync(joined.memberID, generation: 1, [joined.memberID: [1, 2]])
        #expect(stage.synced(sync)?.assignment == [1, 2])
        #expect(stage.coordinator["g"]?.state == .stable)
    }

    @Test("a dynamic member is given its id first, and the group waits for it to come back with it")
    func idFirst() throws {
        var stage = GroupStage()
        let asked = stage.join(takesIDFirst: true)
        let answer = try #require(stage.joined(asked))
        #expect(answer.error == .memberIDRequired && !answer.memberID.isEmpty)
        let join = stage.join(answer.memberID, takesIDFirst: true)
        #expect(stage.joined(join)?.generation == 1 && stage.joined(join)?.memberID == answer.memberID)
        // Another one asks, and is never heard of again: the rebalance that a third begins waits for it no longer than its session.
        _ = stage.join(takesIDFirst: true)
        let third = stage.join(instance: "i")
        let again = stage.join(answer.memberID)
        #expect(stage.joined(third) == nil && stage.joined(again) == nil)
        _ = stage.pass(.seconds(6))
        #expect(stage.joined(third)?.generation == 2 && stage.joined(again)?.generation == 2)
    }

    @Test("when a member joins, the others hear of it, and all get the next generation together")
    func second() throws {
        var stage = GroupStage()
        let alone = stage.join()
        let first = try #require(stage.joined(alone)?.memberID)
        _ = stage.sync(first, generation: 1, [first: [1, 2]])
        let before = stage.heartbeat(first, generation: 1)
        #expect(before == GroupError.noError)
        let other = stage.join()
        #expect(stage.joined(other) == nil)
        let during = stage.heartbeat(first, generation: 1)
        #expect(during == .rebalanceInProgress)
        let commit = stage.commit(first, generation: 1)
        #expect(commit == nil, "until all have joined again, the present generation is good")
        let again = stage.join(first)
        let second = try #require(stage.joined(other))
        #expect(second.generation == 2 && second.leader == first && second.members.isEmpty)
        #expect(stage.joined(again)?.members.map(\.name.id) == [first, second.memberID])
        let waiting = stage.sync(second.memberID, generation: 2)
        #expect(stage.synced(waiting) == nil)
        let refused = stage.commit(second.memberID, generation: 2)
        #expect(refused == .rebalanceInProgress)
        _ = stage.sync(first, generation: 2, [first: [1], second.memberID: [2]])
        #expect(stage.synced(waiting)?.assignment == [2])
        let stale = stage.heartbeat(first, generation: 1)
        #expect(stale == .illegalGeneration)
    }

    @Test(
        "a static member that comes back to a stable group has its old assignment, and nobody else hears of it",
        arguments: [true, false], [true, false])
    func staticMemberReturns(isLeader: Bool, canSkipAssignment: Bool) throws {
        var (stage, first, second) = GroupStage.ofTwo(instances: ("a", "b"))
        let (instance, old, other, otherInstance) =
            isLeader ? ("a", first, second, "b") : ("b", second, first, "a")
        let join = stage.join(instance: instance, metadata: [9], canSkipAssignment: canSkipAssignment)
        let joined = try #require(stage.joined(join))
        #expect(joined.error == .noError && joined.generation == 2 && joined.memberID != old)
        if isLeader && canSkipAssignment {
            #expect(joined.leader == joined.memberID && joined.skipsAssignment && joined.members.count == 2)
        } else {
            #expect(joined.leader == first && !joined.skipsAssignment && joined.members.isEmpty)
        }
        let sync = stage.sync(joined.memberID, instance: instance, generation: 2)
        #expect(stage.synced(sync)?.assignment == [isLeader ? 1 : 2])
        let others = stage.heartbeat(other, instance: otherInstance, generation: 2)
        #expect(others == GroupError.noError)
        let fenced = stage.heartbeat(old, instance: instance, generation: 2)
        #expect(fenced == .fencedInstance)
        let fencedCommit = stage.commit(old, instance: instance, generation: 2, inTransaction: true)
        #expect(fencedCommit == .fencedInstance)
        #expect(stage.coordinator["g"]?.leader == (isLeader ? joined.memberID : first))
        // In the next rebalance it is what it was.
        let third = stage.join()
        _ = stage.join(joined.memberID, instance: instance)
        _ = stage.join(other, instance: otherInstance)
        #expect(stage.joined(third)?.leader == (isLeader ? joined.memberID : first))
    }

    @Test("a static member that comes back during a rebalance waits for it with the others")
    func staticMemberReturnsWhilePreparing() throws {
        var (stage, first, _) = GroupStage.ofTwo(instances: ("a", "b"))
        let third = stage.join(instance: "c")
        let back = stage.join(instance: "b")
        #expect(stage.joined(back) == nil)
        _ = stage.join(first, instance: "a")
        #expect(stage.joined(back)?.generation == 3 && stage.joined(third)?.generation == 3)
    }

    @Test("a static member that comes back when others already wait for their assignment begins the rebalance anew")
    func staticMemberReturnsWhileCompleting() throws {
        var (stage, first, second) = GroupStage.ofTwo(instances: ("a", "b"))
        _ = stage.leave(second, instance: "b")
        let joins = (stage.join(first, instance: "a"), stage.join(instance: "b"))
        // The second came after the generation had begun, so there is another.
        #expect(stage.joined(joins.0)?.generation == 3 && stage.joined(joins.1) == nil)
        let again = stage.join(first, instance: "a")
        #expect(stage.joined(again)?.generation == 4)
        let new = try #require(stage.joined(joins.1)?.memberID)
        let waiting = stage.sync(new, instance: "b", generation: 4)
        let back = stage.join(instance: "a")
        #expect(stage.synced(waiting)?.error == .rebalanceInProgress)
        #expect(stage.joined(back) == nil)
        let last = stage.join(new, instance: "b")
        #expect(stage.joined(last)?.generation == 5 && stage.joined(back)?.generation == 5)
    }

    @Test(
        "a follower that asks again gets the present generation; the leader, or news of what one takes part in, begin another"
    )
    func joiningAgain() {
        var (stage, first, second) = GroupStage.ofTwo()
        let follower = stage.join(second)
        #expect(stage.joined(follower)?.generation == 2)
        let sync = stage.sync(second, generation: 2)
        #expect(stage.synced(sync)?.assignment == [2])
        let news = stage.join(second, metadata: [1])
        #expect(stage.joined(news) == nil)
        let leader = stage.join(first)
        #expect(stage.joined(news)?.generation == 3 && stage.joined(leader)?.generation == 3)
        _ = stage.sync(first, generation: 3)
        let again = stage.join(first)
        #expect(stage.joined(again) == nil)
        let heard = stage.heartbeat(second, generation: 3)
        #expect(heard == .rebalanceInProgress)
    }

    @Test("a silent member loses its place after its session, and who waits for an answer doesn't")
    func sessions() {
        var (stage, first, second) = GroupStage.ofTwo()
        _ = stage.pass(.seconds(5))
        let alive = stage.heartbeat(first, generation: 2)
        #expect(alive == GroupError.noError)
        let expired = stage.pass(.seconds(1))
        #expect(expired == [.init(id: second)])
        let heard = stage.heartbeat(first, generation: 2)
        #expect(heard == .rebalanceInProgress)
        let gone = stage.heartbeat(second, generation: 2)
        #expect(gone == .unknownMember)
        let again = stage.join(first)
        #expect(stage.joined(again)?.generation == 3)
        let third = stage.join()
        let patient = stage.pass(.seconds(5))
        #expect(patient == [])
        let late = stage.pass(.seconds(5))
        #expect(late == [.init(id: first)], "the third waits for an answer")
        #expect(stage.joined(third)?.generation == 4)
    }

    @Test("a commit is a sign of life, offsets in a transaction are none")
    func signsOfLife() {
        var (stage, first, second) = GroupStage.ofTwo()
        _ = stage.pass(.seconds(5))
        let plain = stage.commit(first, generation: 2)
        let transactional = stage.commit(second, generation: 2, inTransaction: true)
        #expect(plain == nil && transactional == nil)
        let expired = stage.pass(.seconds(1))
        #expect(expired == [.init(id: second)])
    }

    @Test("the place of a dead static member is kept until its session ends, then the others go on without it")
    func deadStaticMember() throws {
        var (stage, first, second) = GroupStage.ofTwo(instances: ("a", "b"))
        let third = stage.join(instance: "c")
        let again = stage.join(first, instance: "a")
        _ = stage.pass(.milliseconds(5_900))
        #expect(stage.joined(third) == nil && stage.joined(again) == nil)
        let expired = stage.pass(.milliseconds(100))
        #expect(expired == [.init(id: second, instanceID: "b")])
        #expect(stage.joined(third)?.generation == 3 && stage.joined(again)?.members.count == 2)
    }

    @Test("after the rebalance time-out, members that live but don't join again are left out, static ones are not")
    func rebalanceTimeout() throws {
        var (stage, first, second) = GroupStage.ofTwo(instances: ("a", nil))
        let third = stage.join()
        for _ in 0..<60 {
            #expect(stage.joined(third) == nil)
            _ = stage.pass(.seconds(1))
            for (id, instance) in [(first, "a"), (second, nil)] as [(String, String?)] {
                _ = stage.heartbeat(id, instance: instance, generation: 2)
            }
        }
        let joined = try #require(stage.joined(third))
        #expect(joined.leader == joined.memberID)
        #expect(joined.members.map(\.name.instanceID) == ["a", nil])
        let out = stage.heartbeat(second, generation: 3)
        #expect(out == .unknownMember)
    }

    @Test("when the leader dies before it has assigned, another one leads")
    func deadLeader() throws {
        var (stage, first, second) = GroupStage.ofTwo()
        let joins = (stage.join(second, metadata: [1]), stage.join(first))
        #expect(stage.joined(joins.0)?.leader == first)
        let waiting = stage.sync(second, generation: 3)
        let expired = stage.pass(.seconds(6))
        #expect(expired == [.init(id: first)])
        #expect(stage.synced(waiting)?.error == .rebalanceInProgress)
        let again = stage.join(second, metadata: [1])
        #expect(stage.joined(again)?.generation == 4 && stage.joined(again)?.leader == second)
    }

    @Test("a member that lives and never asks for its assignment is left out after the rebalance time-out")
    func syncTimeout() throws {
        var (stage, first, second) = GroupStage.ofTwo()
        _ = stage.join(second, metadata: [1])
        _ = stage.join(first)
        let waiting = stage.sync(second, generation: 3)
        for _ in 0..<60 {
            #expect(stage.synced(waiting) == nil)
            _ = stage.heartbeat(first, generation: 3)
            _ = stage.pass(.seconds(1))
        }
        #expect(stage.synced(waiting)?.error == .rebalanceInProgress)
        let again = stage.join(second)
        #expect(stage.joined(again)?.leader == second && stage.joined(again)?.members.count == 1)
    }

    @Test("a member that leaves is gone at once, also by its instance id alone")
    func leaving() {
        var (stage, first, second) = GroupStage.ofTwo(instances: ("a", "b"))
        let stranger = stage.leave("nobody")
        #expect(stranger == .unknownMember)
        let fenced = stage.leave(first, instance: "b")
        #expect(fenced == .fencedInstance)
        let byInstance = stage.leave("", instance: "b")
        #expect(byInstance == GroupError.noError)
        let gone = stage.heartbeat(second, instance: "b", generation: 2)
        #expect(gone == .unknownMember)
        let heard = stage.heartbeat(first, instance: "a", generation: 2)
        #expect(heard == .rebalanceInProgress)
        let last = stage.leave(first, instance: "a")
        #expect(last == GroupError.noError)
        #expect(stage.coordinator["g"]?.state == .empty && !stage.coordinator.hasMembers)
        let next = stage.join()
        #expect(stage.joined(next)?.generation == 4, "generations are never used again")
    }

    @Test("offsets are kept for members of the present generation, and for nobody where nobody is")
    func commits() {
        var (stage, first, _) = GroupStage.ofTwo()
        for (id, generation, plain, transactional) in [
            (first, 2, nil, nil), (first, 1, .illegalGeneration, .illegalGeneration),
            (first, -1, .illegalGeneration, .illegalGeneration),
            ("stranger", 2, .unknownMember, .unknownMember), ("", 2, .unknownMember, .unknownMember),
            ("", -1, .unknownMember, nil),
        ] as [(String, Int32, GroupError?, GroupError?)] {
            let one = stage.commit(id, generation: generation)
            let other = stage.commit(id, generation: generation, inTransaction: true)
            #expect(one == plain && other == transactional, "\(id) \(generation)")
        }
        var empty = GroupStage()
        let nobody = empty.commit("", generation: -1)
        let nobodyInTransaction = empty.commit("", generation: -1, inTransaction: true)
        let somebody = empty.commit("m", generation: 1)
        let somebodyInTransaction = empty.commit("m", generation: 1, inTransaction: true)
        #expect(nobody == nil && nobodyInTransaction == nil)
        #expect(somebody == .illegalGeneration && somebodyInTransaction == .unknownMember)
    }

    @Test("members agree on the way to assign that most like best, and who shares none isn't let in")
    func protocols() {
        var stage = GroupStage()
        let alone = stage.join(protocols: ["range", "sticky"])
        let first = stage.joined(alone)?.memberID ?? ""
        #expect(stage.joined(alone)?.protocolName == "range")
        let stranger = stage.join(protocols: ["other"])
        #expect(stage.joined(stranger)?.error == .inconsistentProtocol)
        let two = (stage.join(protocols: ["sticky", "range"]), stage.join(protocols: ["sticky", "range"]))
        _ = stage.join(first, protocols: ["range", "sticky"])
        #expect(stage.joined(two.0)?.protocolName == "sticky" && stage.joined(two.1)?.protocolName == "sticky")
    }

    @Test("after the coordinator was away, sessions begin anew")
    func away() {
        var (stage, first, _) = GroupStage.ofTwo()
        stage.coordinator.renewSessions(at: stage.now + .seconds(20))
        let expired = stage.pass(.seconds(25))
        #expect(expired == [])
        let alive = stage.heartbeat(first, generation: 2)
        #expect(alive == GroupError.noError)
    }

    @Test("strangers are told so, whatever they ask")
    func strangers() {
        var stage = GroupStage()
        let join = stage.join("m")
        let sync = stage.sync("m", generation: 1)
        let heartbeat = stage.heartbeat("m", generation: 1)
        let leave = stage.leave("m")
        #expect(stage.joined(join)?.error == .unknownMember && stage.synced(sync)?.error == .unknownMember)
        #expect(heartbeat == .unknownMember && leave == .unknownMember)
    }
}
