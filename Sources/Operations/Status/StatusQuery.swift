import Devices
import Worker

/// What somebody wants to see of thousands of devices: a search, a filter, an order and a page of the list. A value.
package struct StatusQuery: Sendable, Hashable {
    package enum Filter: String, Sendable, CaseIterable {
        case all, work, failing, idle, busy, opening, closing, none

        var title: String {
            switch self {
            case .all: "All devices"
            case .work: "With work"
            case .failing: "Failing"
            case .idle: "Session idle"
            case .busy: "Session busy"
            case .opening: "Session opening"
            case .closing: "Session closing"
            case .none: "Without a session"
            }
        }
    }

    package enum Order: String, Sendable, CaseIterable {
        case work, waiting, name

        var title: String {
            switch self {
            case .work: "Work, then trouble"
            case .waiting: "Most waiting"
            case .name: "Name"
            }
        }
    }

    package static let pageSize = 50
    private static let maximumSearch = 200

    package var search = ""
    package var filter = Filter.all
    package var order = Order.work
    /// From 1.
    package var page = 1

    package init() {}

    /// What can't be understood counts as not said.
    package init(_ parameters: [(Substring, Substring)]) {
        for (name, value) in parameters {
            switch name {
            // Forms write spaces so (URL Standard, application/x-www-form-urlencoded); no device's name holds a plus sign.
            case "q": self.search = String(value.replacing("+", with: " ").prefix(Self.maximumSearch))
            case "show": self.filter = Filter(rawValue: String(value)) ?? .all
            case "order": self.order = Order(rawValue: String(value)) ?? .work
            case "page": self.page = max(1, Int(value) ?? 1)
            default: break
            }
        }
    }

    /// The devices of the page, and how many there are on all pages.
    package func select(_ devices: [StatusSnapshot.DeviceRow]) -> (
        rows: ArraySlice<StatusSnapshot.DeviceRow>, total: Int
    ) {
        let search = self.search.lowercased()
        var rows = devices.filter { row in
            self.shows(row) && Self.holds(search, row.device, row.running?.job, row.trouble?.code)
        }
        switch self.order {
        case .name: break
        case .waiting: rows.sort { ($1.waiting, $0.device) < ($0.waiting, $1.device) }
        case .work:
            // Most do nothing, and stand in the order of their names already.
            let stirring = rows.filter { Self.rank($0) < 3 }.sorted {
                let (left, right) = (Self.rank($0), Self.rank($1))
                guard left == right, left == 0 else { return (left, $0.device) < (right, $1.device) }
                let (older, younger) = ($0.running?.age ?? .zero, $1.running?.age ?? .zero)
                return (younger, $1.waiting, $0.device) < (older, $0.waiting, $1.device)
            }
            rows = stirring + rows.filter { Self.rank($0) == 3 }
        }
        let first = (self.page(of: rows.count) - 1) * Self.pageSize
        return (rows[first..<min(first + Self.pageSize, rows.count)], rows.count)
    }

    /// The failures that the search is after.
    package func select(_ failures: [RecentFailures.Failure]) -> [RecentFailures.Failure] {
        let search = self.search.lowercased()
        return search.isEmpty ? failures : failures.filter { Self.holds(search, $0.device, $0.job, $0.code) }
    }

    /// - Parameter search: in lower case; nothing is in everything.
    private static func holds(_ search: String, _ texts: String?...) -> Bool {
        search.isEmpty || texts.contains { $0?.lowercased().contains(search) ?? false }
    }

    /// What somebody who looks for trouble wants to see first: work, then devices that can't be logged in to, then sessions that come and go.
    private static func rank(_ row: StatusSnapshot.DeviceRow) -> Int {
        if row.running != nil || row.waiting > 0 { return 0 }
        if row.isFailing { return 1 }
        return row.state == .idle || row.state == .busy ? 3 : 2
    }

    /// The page that there is, where there are fewer than asked for.
    package func page(of count: Int) -> Int { min(self.page, Self.pages(of: count)) }

    static func pages(of count: Int) -> Int { max(1, (count + Self.pageSize - 1) / Self.pageSize) }

    private func shows(_ row: StatusSnapshot.DeviceRow) -> Bool {
        switch self.filter {
        case .all: true
        case .work: row.running != nil || row.waiting > 0
        case .failing: row.isFailing
        case .idle: row.state == .idle
        case .busy: row.state == .busy
        case .opening: row.state == .opening || row.state == .waiting
        case .closing: row.state == .closing
        case .none: row.state == nil
        }
    }

    /// The address of another page of the same list.
    func address(page: Int) -> String {
        let search = self.search.utf8.map { byte -> String in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                String(UnicodeScalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
        return "/status?q=\(search)&show=\(self.filter.rawValue)&order=\(self.order.rawValue)&page=\(page)"
    }
}
