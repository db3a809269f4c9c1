/// Points in time as RFC 3339 writes them: `2026-11-22T10:00:00Z`, `2026-11-22T11:00:00.250+01:00`.
enum RFC3339 {
    /// Milliseconds since 1970; digits past the millisecond are cut off. `nil` when the text is no such time.
    static func parse(_ text: String) -> Int64? {
        var cursor = Cursor(rest: text.utf8[...])
        guard let year = cursor.number(4), cursor.take("-"), let month = cursor.number(2), cursor.take("-"),
            let day = cursor.number(2),
            cursor.take("T") || cursor.take("t"),
            let hour = cursor.number(2), cursor.take(":"), let minute = cursor.number(2), cursor.take(":"),
            let second = cursor.number(2),
            (1...12).contains(month), (1...Self.days(in: month, of: year)).contains(day), hour <= 23, minute <= 59,
            second <= 59 || (second == 60 && minute == 59)
        else { return nil }
        var milliseconds: Int64 = 0
        if cursor.take(".") {
            guard let fraction = cursor.fraction() else { return nil }
            milliseconds = fraction
        }
        var offset: Int64 = 0
        if !cursor.take("Z") && !cursor.take("z") {
            let sign: Int64
            if cursor.take("+") { sign = 1 } else if cursor.take("-") { sign = -1 } else { return nil }
            guard let hours = cursor.number(2), cursor.take(":"), let minutes = cursor.number(2), hours <= 23,
                minutes <= 59
            else { return nil }
            offset = sign * (hours * 60 + minutes)
        }
        guard cursor.rest.isEmpty else { return nil }
        let days = Self.daysSince1970(year, month, day)
        // A leap second (60) counts as the first second of the next minute, as POSIX time has it.
        return (((days * 24 + hour) * 60 + minute - offset) * 60 + second) * 1000 + milliseconds
    }

    /// In UTC, with milliseconds only where there are some. Times outside the years 0000 to 9999 become the nearest one inside.
    static func format(milliseconds: Int64) -> String {
        let clamped = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
        let (days, rest) = Self.floorDivide(clamped, 86_400_000)
        let (year, month, day) = Self.date(daysSince1970: days)
        func padded(_ value: Int64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let time = "\(padded(rest / 3_600_000, 2)):\(padded(rest / 60_000 % 60, 2)):\(padded(rest / 1000 % 60, 2))"
        let fraction = rest % 1000 == 0 ? "" : ".\(padded(rest % 1000, 3))"
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T\(time)\(fraction)Z"
    }

    private struct Cursor {
        var rest: Substring.UTF8View

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard let next = self.rest.first, UInt32(next) == character.value else { return false }
            self.rest.removeFirst()
            return true
        }

        mutating func number(_ digits: Int) -> Int64? {
            var value: Int64 = 0
            for _ in 0..<digits {
                guard let digit = self.digit() else { return nil }
                value = value * 10 + digit
            }
            return value
        }

        /// Milliseconds of a fraction of any length.
        mutating func fraction() -> Int64? {
            var value: Int64 = 0
            var unit: Int64 = 100
            guard self.rest.first.map({ (0x30...0x39).contains($0) }) == true else { return nil }
            while let digit = self.digit() {
                value += digit * unit
                unit /= 10
            }
            return value
        }

        private mutating func digit() -> Int64? {
            guard let next = self.rest.first, (0x30...0x39).contains(next) else { return nil }
            self.rest.removeFirst()
            return Int64(next) - 0x30
        }
    }

    // MARK: The Gregorian calendar

    // Days are counted from 1 March of the year 0, so that a leap day comes last in its year; 400 years have 146,097 days.

    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let (era, yearOfEra) = Self.floorDivide(shifted, 400)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = Self.floorDivide(daysSince1970 + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
