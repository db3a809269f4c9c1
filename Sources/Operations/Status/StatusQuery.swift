import Devices

/// What somebody wants to see of thousands of devices: a search, a filter, an order and a page of the list. A value.
package struct StatusQuery: Sendable, Hashable {
    package enum Filter: String, Sendable, CaseIterable {
        case all, work, idle, busy, opening, closing, none

        var title: String {
            switch self {
            case .all: "All devices"
            case .work: "With work"
            case .idle: "Session idle"
            case .busy: "Session busy"
            case .opening: "Session opening"
            case .closing: "Session closing"
            case .none: "Without a session"
            }
        }
    }

    package enum Order: String, Sendable, CaseIterable {
        case name, waiting, running

        var title: String {
            switch self {
            case .name: "Name"
            case .waiting: "Most waiting"
            case .running: "Longest running"
            }
        }
    }

    package static let pageSize = 50
    private static let maximumSearch = 200

    package var search = ""
    package var filter = Filter.all
    package var order = Order.name
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
            case "order": self.order = Order(rawValue: String(value)) ?? .name
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
            self.shows(row)
                && (search.isEmpty || row.device.lowercased().contains(search)
                    || row.running?.job.lowercased().contains(search) ?? false)
        }
        switch self.order {
        case .name: break
        case .waiting: rows.sort { ($1.waiting, $0.device) < ($0.waiting, $1.device) }
        case .running:
            rows.sort { ($1.running?.age ?? .zero, $0.device) < ($0.running?.age ?? .zero, $1.device) }
        }
        let first = (self.page(of: rows.count) - 1) * Self.pageSize
        return (rows[first..<min(first + Self.pageSize, rows.count)], rows.count)
    }

    /// The page that there is, where there are fewer than asked for.
    package func page(of count: Int) -> Int { min(self.page, Self.pages(of: count)) }

    static func pages(of count: Int) -> Int { max(1, (count + Self.pageSize - 1) / Self.pageSize) }

    private func shows(_ row: StatusSnapshot.DeviceRow) -> Bool {
        switch self.filter {
        case .all: true
        case .work: row.running != nil || row.waiting > 0
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
