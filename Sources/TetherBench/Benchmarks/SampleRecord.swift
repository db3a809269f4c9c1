import Jobs

/// Records of about 1 KB, as they are on the topics.
struct SampleRecord {
    var name: String
    var encode: (inout [UInt8]) -> Void
    /// Returns whether the bytes are a record of this kind.
    var decode: ([UInt8]) -> Bool

    var bytes: [UInt8] {
        var buffer: [UInt8] = []
        self.encode(&buffer)
        return buffer
    }

    static var all: [SampleRecord] {
        [
            SampleRecord(name: "job", encode: Self.job.encode(into:)) { (try? Job(decoding: $0)) != nil },
            SampleRecord(name: "task", encode: Self.task.encode(into:)) { (try? DeviceTask(decoding: $0)) != nil },
            SampleRecord(name: "result", encode: Self.result.encode(into:)) { (try? Reply(decoding: $0)) != nil },
        ]
    }

    private static let commands: [Command] = [
        Command("show version"), Command("show interfaces", timeout: .seconds(120)), Command("show ip interface brief"),
        Command("show running-config | section router bgp"), Command("show logging last 50"),
        Command("show processes cpu sorted"),
    ]

    private static let job = Job(
        id: "nightly-2026-11-22",
        targets: (1...24).map { "core-router-\($0).example.net" },
        operation: .run(commands),
        replyTo: "network-automation.results",
        stream: true,
        deadline: .after(.seconds(600)),
        effect: .read,
        credential: "netops",
        platform: "cisco_iosxe",
        labels: ["ticket": "CHG-1234", "requested_by": "capacity-planning"],
        echoHeaders: ["request-id"]
    )

    private static let task = DeviceTask(
        id: "nightly-2026-11-22/core-router-1.example.net",
        job: "nightly-2026-11-22",
        device: "core-router-1.example.net",
        operation: .run(commands + commands),
        effect: .read,
        deadline: 1_795_345_800_000,
        submitted: 1_795_345_200_000,
        replyTo: "network-automation.results",
        stream: true,
        credential: "netops",
        platform: "cisco_iosxe",
        labels: ["ticket": "CHG-1234", "requested_by": "capacity-planning"],
        replyPartition: 3,
        echo: [EchoedHeader("correlation-id", Array("7f9c2ba4e88f827d".utf8)), EchoedHeader("request-id", nil)]
    )

    private static let result = Reply.result(
        DeviceResult(
            job: "nightly-2026-11-22",
            task: "nightly-2026-11-22/core-router-1.example.net",
            device: "core-router-1.example.net",
            outcome: .succeeded,
            commands: [
                CommandOutcome(
                    command: "show version",
                    outcome: .succeeded,
                    output: output,
                    outputBytes: output.count,
                    elapsed: .microseconds(41_234)
                )
            ],
            attempts: 1,
            session: .init(id: "worker-1/core-router-1.example.net/17", reused: true),
            owner: .init(worker: "worker-1", generation: 5),
            timing: .init(queued: .microseconds(2_100), waited: .microseconds(40), executed: .microseconds(41_300)),
            labels: ["ticket": "CHG-1234"]
        )
    )

    private static let output = Array(
        """
        Vendor OS Software, Version 17.09.04a, RELEASE SOFTWARE (fc3)\r
        core-router-1 uptime is 31 weeks, 4 days, 11 hours, 2 minutes\r
        System image file is "bootflash:packages.conf"\r
        Last reload reason: Reload Command\r
        2028465K/3075K bytes of memory, processor board ID 9ESGOBARV9D\r
        4 Gigabit Ethernet interfaces, 32768K bytes of non-volatile configuration memory\r
        Configuration register is 0x2102\r

        """.utf8
    )
}
