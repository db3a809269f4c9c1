import Testing

@testable import Jobs

@Suite("Durations in jobs")
struct DurationTextTests {
    @Test(
        "a duration is whole numbers with units, from the largest to the smallest",
        arguments: [
            ("250ms", .milliseconds(250)), ("30s", .seconds(30)), ("2m", .seconds(120)), ("1h", .seconds(3600)),
            ("1h30m", .seconds(5400)),
            ("1h1m1s1ms", .milliseconds(3_661_001)), ("1m500ms", .milliseconds(60_500)), ("0h5s", .seconds(5)),
            ("090s", .seconds(90)),
        ] as [(String, Duration)])
    func parsed(text: String, duration: Duration) {
        #expect(DurationText.parse(text) == duration)
    }

    @Test(
        "anything else is none",
        arguments: [
            "", "s", "30", "30 s", " 30s", "30s ", "-30s", "+30s", "1.5s", "30S", "30sec", "1m1h", "1s1s", "1ms1s",
            "1d", "1h 30m", "1000000000s", "٣s",
            "99999999999999999999s", "PT30S",
        ])
    func refused(text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(
        "a duration is written in the shortest way, or not at all",
        arguments: [
            (.seconds(90), "1m30s"), (.seconds(3600), "1h"), (.milliseconds(1500), "1s500ms"),
            (.seconds(604_800), "168h"), (.milliseconds(1), "1ms"),
            (.microseconds(1), nil), (.zero, nil), (.seconds(-1), nil), (.seconds(Int64.max), nil),
        ] as [(Duration, String?)])
    func formatted(duration: Duration, text: String?) {
        #expect(DurationText.format(duration) == text)
    }

    @Test("numbers are seconds, rounded to the microsecond")
    func numbers() {
        #expect(DurationText.seconds(.integer(2)) == .seconds(2))
        #expect(DurationText.seconds(.number(0.1)) == .milliseconds(100))
        #expect(DurationText.seconds(.number(1234.567891)) == .microseconds(1_234_567_891))
        for value in [JSONValue.integer(-1), .integer(.max), .number(-0.1), .number(1e300), .string("1"), .null] {
            #expect(DurationText.seconds(value) == nil)
        }
    }
}
