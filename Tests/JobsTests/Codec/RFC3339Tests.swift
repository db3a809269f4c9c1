import Foundation
import Testing

@testable import Jobs

@Suite("Points in time")
struct RFC3339Tests {
    @Test(
        "times are read with any offset and fraction",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59.999Z", -1), ("2026-11-22T10:00:00Z", 1_795_341_600_000),
            ("2026-11-22t11:00:00.25+01:00", 1_795_341_600_250), ("2026-11-22T04:30:00-05:30", 1_795_341_600_000),
            ("2026-11-22T10:00:00.123999999z", 1_795_341_600_123), ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] as [(String, Int64)])
    func parsed(text: String, milliseconds: Int64) {
        #expect(RFC3339.parse(text) == milliseconds)
    }

    @Test(
        "anything else is no time",
        arguments: [
            "", "2026-11-22", "2026-11-22T10:00:00", "2026-11-22 10:00:00Z", "2026-11-22T10:00Z",
            "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00Zx",
            "26-01-01T00:00:00Z", "+2026-01-01T00:00:00Z", "2026-1-1T0:0:0Z", "２026-01-01T00:00:00Z",
        ])
    func refused(text: String) {
        #expect(RFC3339.parse(text) == nil)
    }

    @Test("every time is written so that it reads back, as Foundation reads it")
    func roundTrip() {
        var generator = SeededGenerator()
        let formatter = ISO8601DateFormatter()
        for _ in 0..<3000 {
            let seconds = Int64.random(in: -50_000_000_000...253_402_300_799, using: &generator)
            let milliseconds =
                seconds * 1000 + (generator.chance(50) ? Int64.random(in: 0...999, using: &generator) : 0)
            #expect(
                RFC3339.parse(RFC3339.format(milliseconds: milliseconds)) == milliseconds,
                "\(milliseconds), seed \(generator.seed)")
            // Foundation has the Julian calendar before 1582.
            guard seconds > -12_000_000_000 else { continue }
            #expect(
                formatter.date(from: RFC3339.format(milliseconds: seconds * 1000))?.timeIntervalSince1970
                    == Double(seconds),
                "\(seconds), seed \(generator.seed)")
        }
        #expect(RFC3339.format(milliseconds: .max) == "9999-12-31T23:59:59.999Z")
        #expect(RFC3339.format(milliseconds: .min) == "0000-01-01T00:00:00Z")
    }
}
