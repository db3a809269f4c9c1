import Foundation
import Glibc

/// CPU and wall-clock time of this process since its start.
struct ResourceUsage: Sendable {
    var userSeconds: Double
    var systemSeconds: Double
    var wallSeconds: Double

    static var now: ResourceUsage { Self.now(of: RUSAGE_SELF) }

    /// Of the programs that this process has started and that have ended, with those that they have started.
    static var nowOfChildren: ResourceUsage { Self.now(of: RUSAGE_CHILDREN) }

    private static func now(of whom: __rusage_who) -> ResourceUsage {
        var usage = rusage()
        getrusage(__rusage_who_t(whom.rawValue), &usage)
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return ResourceUsage(
            userSeconds: seconds(usage.ru_utime),
            systemSeconds: seconds(usage.ru_stime),
            wallSeconds: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        )
    }

    var cpuSeconds: Double { self.userSeconds + self.systemSeconds }

    static func - (end: Self, start: Self) -> Self {
        ResourceUsage(
            userSeconds: end.userSeconds - start.userSeconds,
            systemSeconds: end.systemSeconds - start.systemSeconds,
            wallSeconds: end.wallSeconds - start.wallSeconds
        )
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }

    /// CPU seconds of this process, to the nanosecond.
    static var preciseCPUSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// CPU seconds of another process, to the nanosecond. `nil` when there is no such process.
    static func cpuSeconds(of process: Int32) -> Double? {
        var clock: clockid_t = 0
        var time = timespec()
        guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else { return nil }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Resident memory of a process in bytes, `nil` when there is no such process.
    static func residentBytes(of process: String = "self") -> Int? {
        guard let fields = contents(of: "/proc/\(process)/statm")?.split(separator: " "), fields.count > 1,
            let pages = Int(fields[1])
        else { return nil }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }

    /// The most resident memory that a process has had, this one since ``resetPeak()``, in bytes (`VmHWM`).
    static func peakResidentBytes(of process: String = "self") -> Int? {
        contents(of: "/proc/\(process)/status")?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
            .flatMap { Int($0.filter(\.isNumber)) }.map { $0 * 1024 }
    }

    /// Open file descriptors of a process, `nil` when there is no such process.
    static func descriptors(of process: Int32) -> Int? {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd"))?.count
    }

    /// Makes the memory that is resident now the peak (proc(5), `clear_refs`). `false` if the kernel doesn't.
    static func resetPeak() -> Bool {
        let descriptor = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return write(descriptor, "5", 1) == 1
    }

    /// The first 4 KiB of a file of /proc.
    private static func contents(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A thousand sessions need as many descriptors; the usual soft limit is 1,024.
    static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
