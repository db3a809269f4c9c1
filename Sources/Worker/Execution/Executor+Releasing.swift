import Devices
import Dispatch
import Kafka
import Logging

/// Giving partitions up.
extension Executor {
    /// Lets what runs end (or interrupts it), publishes, commits, closes the sessions: in this order, and only then may another worker have the devices.
    func drain(_ partitions: Set<TopicPartition>) -> Task<Void, Never> {
        self.state.withLockedValue { state in
            for name in partitions { state.partitions[name]?.isDraining = true }
        }
        // Not opened any more; open they may be as long as something runs.
        let cooled = self.keepWarm()
        return Task {
            let watch = self.closeWhenReplaced(partitions)
            defer { watch.cancel() }
            let deadline = ContinuousClock.now + self.configuration.drainTimeout
            await withTaskGroup { tasks in
                for group in self.lanes.groups { tasks.addTask { await group.release(partitions, until: deadline) } }
            }
            // A task that was written when the topic was smaller may run on one of their devices from a partition that stays.
            await self.giveUp(self.devices(of: partitions), until: deadline)
            // What ends from now on, such as a deadline that passes, ends with the next owner.
            self.state.withLockedValue { state in
                for name in partitions { state.partitions[name]?.isQuiet = true }
            }
            await self.waitForAcknowledgements(of: partitions, until: deadline + .seconds(10))
            await self.commitRelease(of: partitions, until: deadline + .seconds(10))
            await Self.close(cooled.union(self.devices(of: partitions)), self.client)
        }
    }

    /// Lets go of devices: of those that run something when that has ended, or is interrupted at `deadline`. Their sessions are closed then.
    func giveUp(_ devices: Set<String>, until deadline: ContinuousClock.Instant) async {
        await withTaskGroup { tasks in
            for group in self.lanes.groups {
                let own = devices.filter { self.client.eventLoop(for: $0) === group.eventLoop }
                if !own.isEmpty { tasks.addTask { await group.giveUp(own, until: deadline) } }
            }
        }
    }

    /// The devices that go with these partitions.
    func devices(of partitions: Set<TopicPartition>) -> Set<String> {
        self.state.withLockedValue { state in
            let staying = state.partitions.filter { !partitions.contains($0) && !$1.isDraining }
            let homes = Set(staying.keys.map(\.partition))
            var devices: Set<String> = []
            for name in partitions {
                for device in state.partitions[name]?.devices ?? []
                where state.homes.goes(device, with: name.partition, stays: homes.contains) { devices.insert(device) }
            }
            return devices
        }
    }

    /// Closes the sessions of partitions that are being given up when the coordinator may have given them to others already: the drain has no more time than that.
    private func closeWhenReplaced(_ partitions: Set<TopicPartition>) -> Task<Void, Never> {
        Task {
            while self.maySend {
                do { try await Task.sleep(for: .milliseconds(50)) } catch { return }
            }
            for group in self.lanes.groups { await group.abandon(partitions) }
            await Self.close(self.devices(of: partitions), self.client)
        }
    }

    /// The last commit before partitions are given up. A coordinator in the middle of a rebalance may ask for patience, and one that can't be reached may keep
    /// a commit for longer than the sessions of these partitions may stay open.
    func commitRelease(of partitions: Set<TopicPartition>, until deadline: ContinuousClock.Instant) async {
        await withTaskGroup { tasks in
            tasks.addTask { await self.commitRepeatedly(partitions, until: deadline) }
            tasks.addTask { try? await Task.sleep(until: deadline) }
            await tasks.next()
            tasks.cancelAll()
        }
    }

    private func commitRepeatedly(_ partitions: Set<TopicPartition>, until deadline: ContinuousClock.Instant) async {
        while true {
            do {
                return try await self.committer.commit()
            } catch  where error.isRetriable && ContinuousClock.now < deadline {
                try? await Task.sleep(for: .milliseconds(100))
            } catch {
                self.logger.error(
                    "the last commit before partitions are given up failed; what finished since the one before may be done again",
                    metadata: ["partitions": "\(partitions.sorted())", "error": "\(error)"]
                )
                return
            }
        }
    }

    func waitForAcknowledgements(of partitions: Set<TopicPartition>, until deadline: ContinuousClock.Instant)
        async
    {
        while ContinuousClock.now < deadline {
            let open = self.state.withLockedValue { state in
                partitions.reduce(0) { $0 + (state.partitions[$1]?.unacknowledged ?? 0) }
            }
            // Who isn't a member any more waits for nothing: others may have the devices already.
            if open == 0 || self.committer.isRefused { return }
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    static func close(_ devices: Set<String>, _ client: DeviceClient) async {
        await withTaskGroup { tasks in
            for device in devices { tasks.addTask { await client.close(device) } }
        }
    }

    /// Blocks the consumer's own thread (never one of Swift's pool) until the work is done.
    static func wait(_ work: Task<Void, Never>, atMost limit: Duration) -> Bool {
        let done = DispatchSemaphore(value: 0)
        Task {
            await work.value
            done.signal()
        }
        return done.wait(timeout: .now() + limit.seconds) == .success
    }
}
