import Lab
import Testing

@testable import Devices

@Suite("Inventories as tables")
struct CSVTests {
    @Test("every column is read; empty cells say nothing; groups and defaults of other files apply")
    func everything() throws {
        let directory = try TemporaryDirectory([
            "base.yaml":
                "defaults: {device_type: cisco_iosxe, user: automation}\ngroups: {core: {port: 2222}, edge: {tags: [edge]}}",
            "devices.csv": """
            name,host,device_type,user,port,tags,groups,warm,description
            r1,192.0.2.1,arista_eos,admin,22,edge;berlin,,true,"first, of all"
            r2,192.0.2.2,,,,,core,,

             r3 , r3.example , linux ,"me","22" ,"edge core", core;edge ,false,"a ""good"" one"
            """,
        ])
        let inventory = try Inventory(path: directory.path)
        #expect(inventory.deviceNames == ["r1", "r2", "r3"])
        #expect(
            inventory["r1"]
                == Device(
                    name: "r1", host: "192.0.2.1", platform: "arista_eos", tags: ["edge", "berlin"],
                    credential: Credential(user: "admin"), session: SessionSettings(isWarm: true)))
        #expect(inventory["r2"] == Device(name: "r2", host: "192.0.2.2", port: 2222, platform: "cisco_iosxe"))
        #expect(inventory["r3"]?.tags == ["edge", "core"] && inventory["r3"]?.host == "r3.example")
        #expect(inventory.group("core")?.members == ["r2", "r3"])
        #expect(inventory.group("edge")?.members == ["r1", "r3"])
        #expect(inventory.files.map(\.form) == [.tether, .csv])
        #expect(inventory.files.map(\.devices) == [0, 3])
    }

    @Test(
        "without a column of names the hosts are the names; `platform` is `device_type`; the order of columns is free")
    func seedColumns() throws {
        let inventory = try Inventory(csv: "Platform,Host\r\nlinux,a.example\r\nlinux,b.example\r\n")
        #expect(inventory.deviceNames == ["a.example", "b.example"])
        #expect(inventory["b.example"]?.platform == "linux")
    }

    @Test(
        "tables are taken apart as RFC 4180 says",
        arguments: [
            ("a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]), ("a,b\n1,2", [["a", "b"], ["1", "2"]]),
            ("a,b\r1,2\r", [["a", "b"], ["1", "2"]]), ("\u{FEFF}a\n1\n", [["a"], ["1"]]),
            ("a,b\n\"1,1\",\"2\"\"2\"\n", [["a", "b"], ["1,1", "2\"2"]]),
            ("a,b\n\"1\r\n1\",\n", [["a", "b"], ["1\r\n1", ""]]),
            ("a,b\n , \n", [["a", "b"], ["", ""]]), ("a\n\n\nb\n", [["a"], ["b"]]),
            ("a,b\n  1 1 ,\" 2 \" \n", [["a", "b"], ["1 1", " 2 "]]),
            ("", [[]]), ("\n\n", [[]]), ("a,\"\"\n", [["a", ""]]),
        ] as [(String, [[String]])]
    )
    func tables(text: String, expected: [[String]]) throws {
        let table = try CSVTable(Array(text.utf8), file: "t.csv")
        #expect(([table.header] + table.records).map { $0.map(\.text) } == expected)
        #expect(table.mistakes.isEmpty)
    }

    @Test("whatever is written in quotes comes back as it was, with its line")
    func random() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix(seed: seed)
        for _ in 0..<200 {
            let rows = (0..<Int.random(in: 2...5, using: &random)).map { _ in
                (0..<3).map { _ in
                    String(
                        (0..<Int.random(in: 0...6, using: &random)).map { _ in
                            ["a", "\"", ",", "\n", " ", "é"].randomElement(using: &random) ?? "a"
                        })
                }
            }
            let text = rows.map { $0.map { "\"\($0.replacing("\"", with: "\"\""))\"" }.joined(separator: ",") }.joined(
                separator: "\n")
            let table = try CSVTable(Array(text.utf8), file: "t.csv")
            #expect(([table.header] + table.records).map { $0.map(\.text) } == rows, "seed \(seed)")
            var line = 1
            for (row, cells) in zip(rows, [table.header] + table.records) {
                #expect(cells[0].line == line, "seed \(seed)")
                line += row.joined().count { $0 == "\n" } + 1
            }
        }
    }

    private static let columns = InventoryReader.deviceKeys.map { "`\($0)`" }.joined(separator: ", ")

    @Test(
        "each mistake is told with its line and column",
        arguments: [
            ("", "d.csv:1: the first line must name the columns, at least `host`"),
            ("name,port\n", "d.csv:1:1: the column `host` is missing"),
            ("name,hostt\n", "d.csv:1:6: unknown column `hostt`; did you mean `host`?"),
            ("name,host,username\n", "d.csv:1:11: unknown column `username`; did you mean `user`?"),
            ("host,colour\n", "d.csv:1:6: unknown column `colour`; known are `name`, \(Self.columns)"),
            ("host,platform,device_type\n", "d.csv:1:15: the column `device_type` is given twice: keep one of them"),
            ("name;host\nr1;a\n", "d.csv:1:1: columns are separated by commas, not by `;`"),
            ("name\thost\nr1\ta\n", "d.csv:1:1: columns are separated by commas, not by tabs"),
            ("name,host\nr1\n", "d.csv:2:1: has 1 cell, but the header has 2"),
            (
                "name,host\nr1,a,b\n",
                "d.csv:2:1: has 3 cells, but the header has 2: put cells with commas in quotes"
            ),
            ("name,host\nr1,\"a\n", "d.csv:2:4: the quote that opens this cell is never closed"),
            (
                "name,host\nr1,a\"b\n",
                "d.csv:2:5: is not CSV: a quote inside a cell: put the cell in quotes, and double the quotes in it"
            ),
            (
                "name,host\nr1,\"a\"b\n",
                "d.csv:2:7: is not CSV: expected a comma or the end of the line behind the closing quote"
            ),
            (
                "name,host,device_type,port\nr1,a,linux,http\n",
                "d.csv:2:12: devices.r1.port: must be a whole number from 1 to 65535, but is `http`"
            ),
            (
                "name,host,device_type,tags\nr1,a,linux,a&b\n",
                "d.csv:2:12: devices.r1.tags[0]: a tag must not contain `&`, `,`, white space or control characters"
            ),
            (
                "name,host,device_type\nr1,,linux\n",
                "d.csv:2:1: devices.r1: `host` is missing: give the device's host name or address"
            ),
            (
                "name,host,device_type\nr1,a,linux\n\nr1,b,linux\n",
                "d.csv:4:1: devices.r1: this device is given twice; the first is at d.csv:2: keep one of them"
            ),
            (
                "name,host,device_type,groups\nr1,a,linux,core\n",
                "d.csv:2:12: devices.r1.groups: there is no group `core`"
            ),
            (
                "host\n192.0.2.1\n",
                "d.csv:2:1: devices.192.0.2.1: `device_type` is missing: give it here, in one of the device's groups, or in `defaults`"
            ),
            (
                "host,device_type\n2001:db8::1,linux\n",
                "d.csv:2:1: devices: the device name `2001:db8::1` must not contain `:`: it has a meaning in targets or paths"
            ),
        ]
    )
    func mistakes(text: String, expected: String) {
        let error = #expect(throws: InventoryError.self) { try Inventory(csv: text, file: "d.csv") }
        #expect(error?.description == expected)
    }
}
