import Foundation
import ServiceLifecycle

/// Gives memory that bursts have left behind back to the system.
///
/// A thousand logins or commands at a time need some 50 MB more than the sessions that stay. That is free afterwards, but lies in pieces between what
/// stays, and glibc gives back by itself only what lies at the end of an arena (mallopt(3), `M_TRIM_THRESHOLD`). `malloc_trim` gives back every whole
/// page. That takes some 4 ms for each thousand sessions, in which threads that need memory may have to wait, so it is done when there is little else
/// to do.
package struct FreedMemory: Service {
    /// Decides when. A value: no clock, no I/O.
    struct Schedule {
        /// Growth that isn't worth the work.
        static let slack = 16 << 20

        /// Processor seconds between two looks, ten seconds apart, up to which a process isn't in the middle of a burst.
        static let calm = 2.0

        /// What was resident after the last time, or the least since then.
        private var floor = 0
        private var processor = 0.0

        /// Whether so much more is resident that some of it may be free, and it isn't needed at the moment.
        ///
        /// - Parameter processor: seconds of processor time so far.
        mutating func isDue(resident: Int, processor: Double) -> Bool {
            self.floor = min(self.floor, resident)
            defer { self.processor = processor }
            return processor - self.processor <= Self.calm && resident - self.floor > max(Self.slack, self.floor / 8)
        }

        mutating func trimmed(resident: Int) { self.floor = resident }
    }

    private static let interval = Duration.seconds(10)

    /// Of glibc alone (malloc.h, which isn't imported); other C libraries give memory back by themselves.
    private static let trim = dlsym(dlopen(nil, RTLD_NOW), "malloc_trim").map {
        unsafeBitCast($0, to: (@convention(c) (Int) -> Int32).self)
    }

    package init() {}

    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            var schedule = Schedule()
            while !Task.isCancelled {
                try await Task.sleep(for: Self.interval)
                guard let trim = Self.trim,
                    schedule.isDue(
                        resident: ProcessFigures.memory.resident, processor: ProcessFigures.processor)
                else { continue }
                _ = trim(0)
                schedule.trimmed(resident: ProcessFigures.memory.resident)
            }
        }
    }
}
