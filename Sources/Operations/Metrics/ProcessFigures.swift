import Foundation

/// What the system knows of this process (proc(5)).
struct ProcessFigures: Sendable {
    var residentBytes = 0
    var virtualBytes = 0
    var openFiles = 0
    var maximumFiles = 0
    var threads = 0
    var processorSeconds = 0.0
    var startTime = 0.0

    /// In bytes; nothing where the system doesn't tell.
    static var memory: (virtual: Int, resident: Int) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return (0, 0) }
        let pages = text.split(separator: " ").compactMap { Int($0) }
        return pages.count >= 2 ? (pages[0] * page, pages[1] * page) : (0, 0)
    }

    static func current() -> ProcessFigures {
        var figures = ProcessFigures()
        (figures.virtualBytes, figures.residentBytes) = Self.memory
        // The folder that is being read is open as well.
        figures.openFiles = max(0, (Self.names(in: "/proc/self/fd") ?? 1) - 1)
        figures.threads = Self.names(in: "/proc/self/task") ?? 0
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            figures.maximumFiles = Int(clamping: limit.rlim_cur)
        }
        figures.processorSeconds = Self.processor
        figures.startTime = Self.started ?? 0
        return figures
    }

    /// When the process was started, in seconds since 1970; `nil` where the system doesn't tell.
    ///
    /// From the machine's start and the ticks from there (proc(5), field 22 of `stat`): a program that asks its clock knows only when it asked.
    private static let started: Double? = {
        guard let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            let system = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
            let boot = system.split(separator: "\n").first(where: { $0.hasPrefix("btime ") })?.split(separator: " ")
                .last,
            let seconds = Double(boot), let name = stat.lastIndex(of: ")")
        else { return nil }
        // The program's name, which may hold anything, is field 2.
        let fields = stat[name...].split(separator: " ")
        guard fields.count > 20, let ticks = Double(fields[20]) else { return nil }
        return seconds + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }()

    /// Seconds of processor time so far.
    static var processor: Double {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }

    /// Names alone: to look at each file, as Foundation's functions do, costs a thousand times more with 10,000 sockets.
    private static func names(in folder: String) -> Int? {
        guard let directory = opendir(folder) else { return nil }
        defer { closedir(directory) }
        var count = 0
        while let entry = readdir(directory) {
            // Not `.` and `..`.
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        return count
    }

    var families: [MetricFamily] {
        [
            .gauge("process_cpu_seconds_total", self.processorSeconds),
            .gauge("process_resident_memory_bytes", Double(self.residentBytes)),
            .gauge("process_virtual_memory_bytes", Double(self.virtualBytes)),
            .gauge("process_open_fds", Double(self.openFiles)),
            .gauge("process_max_fds", Double(self.maximumFiles)),
            .gauge("process_threads", Double(self.threads)),
            .gauge("process_start_time_seconds", self.startTime),
        ].compactMap { $0 }
    }
}
