import Foundation
import Testing

@testable import Operations

@Suite struct ProcessFiguresTests {
    @Test("a process knows when it was started, not when somebody asked first")
    func start() throws {
        // By the time that the machine has been up, where the figure goes by the calendar time at which it was started (proc(5)).
        let stat = try String(contentsOfFile: "/proc/self/stat", encoding: .utf8)
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
        let ticks = try #require(Double(fields[20]))
        let uptime = try String(contentsOfFile: "/proc/uptime", encoding: .utf8).split(separator: " ")
        let age = try #require(Double(uptime[0])) - ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
        let started = Date().timeIntervalSince1970 - age
        #expect(abs(ProcessFigures.current().startTime - started) < 3)
    }
}
