"""One measured piece of work by a library that network engineers use; prints one line of JSON, as the other measured programs do.

Each library is used as its documentation shows, with its own defaults, and shows every device's password to whatever host key comes: how it
connects, logs in, prepares the session and finds the prompt is what is measured.
"""

import argparse
import asyncio
import ipaddress
import json
import os
import re
import resource
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

# Sessions that are being opened at the same time where many are needed, as in the other measured programs.
OPENING_IN_FLIGHT = 32


class AsyncSSH:
    """asyncssh, bare: a shell, and the prompt found by a regular expression."""

    first_prompt = re.compile(r"(?:^|[\r\n])[\w.-]{1,63}[#>] ?\Z")
    # Output always ends a line before. A fixed character at the beginning makes the search several times faster.
    prompt = re.compile(r"\n[\w.-]{1,63}[#>] ?\Z")

    async def open(self, host):
        import asyncssh

        self.connection = await asyncssh.connect(
            host, options.port, username=options.user, password=options.password,
            known_hosts=None, client_keys=None, agent_path=None, config=None,
        )
        self.shell = await self.connection.create_process(term_type="vt100", term_size=(511, 1000))
        await self.shell.stdout.readuntil(self.first_prompt, 80)

    async def run(self, command):
        self.shell.stdin.write(command + "\r")
        return await self.shell.stdout.readuntil(self.prompt, 80)

    async def close(self):
        self.connection.close()
        await self.connection.wait_closed()


class Netmiko:
    """netmiko: one thread a device, and paramiko's own thread for each connection."""

    def open(self, host):
        from netmiko import ConnectHandler

        self.connection = ConnectHandler(
            device_type="cisco_xe", host=host, port=options.port, username=options.user, password=options.password,
        )

    def run(self, command):
        return self.connection.send_command(command)

    def close(self):
        self.connection.disconnect()


class Scrapli:
    """scrapli 2 on its native library, which has libssh2 in it."""

    async def open(self, host):
        from scrapli import AuthOptions, Cli, TransportSsh2Options

        self.cli = Cli(
            host, port=options.port, definition_file_or_name="cisco_iosxe",
            auth_options=AuthOptions(username=options.user, password=options.password),
            transport_options=TransportSsh2Options(),
        )
        await self.cli.open_async()

    async def run(self, command):
        return (await self.cli.send_input_async(command)).result

    async def close(self):
        # Told to end the session, the device closes the channel before the library does, and this then says so on standard error each time.
        error = os.dup(2)
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        try:
            await self.cli.close_async()
        finally:
            os.dup2(error, 2)
            os.close(error)


def scrapli1_arguments(host, transport):
    return {
        "host": host, "port": options.port, "auth_username": options.user, "auth_password": options.password,
        "auth_strict_key": False, "ssh_config_file": False, "transport": transport,
    }


class Scrapli1AsyncSSH:
    """scrapli 1 on asyncssh."""

    async def open(self, host):
        from scrapli.driver.core import AsyncIOSXEDriver

        self.driver = AsyncIOSXEDriver(**scrapli1_arguments(host, "asyncssh"))
        await self.driver.open()

    async def run(self, command):
        return (await self.driver.send_command(command)).result

    async def close(self):
        await self.driver.close()


class Scrapli1SSH2:
    """scrapli 1 on ssh2-python, which is libssh2: one thread a device."""

    def open(self, host):
        from scrapli.driver.core import IOSXEDriver

        self.driver = IOSXEDriver(**scrapli1_arguments(host, "ssh2"))
        self.driver.open()

    def run(self, command):
        return self.driver.send_command(command).result

    def close(self):
        from ssh2.exceptions import SSH2Error

        try:
            self.driver.close()
        except SSH2Error:
            # Told to end the session, the device may close the connection before the library closes the channel, which then leaves the socket open.
            self.driver.transport.socket.close()


LIBRARIES = {
    "asyncssh": AsyncSSH, "netmiko": Netmiko, "scrapli": Scrapli,
    "scrapli1-asyncssh": Scrapli1AsyncSSH, "scrapli1-ssh2": Scrapli1SSH2,
}


class Threads:
    """The same face as an asynchronous library's, for one that blocks: each call on a thread of the pool."""

    pool = None

    def __init__(self, session):
        self.session = session

    async def call(self, function, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self.pool, function, *arguments)

    async def open(self, host):
        await self.call(self.session.open, host)

    async def close(self):
        await self.call(self.session.close)

    async def repeat(self, command, times):
        """All commands on one thread: crossing threads for each isn't the library's cost."""

        def all_commands():
            seconds = []
            for _ in range(times):
                start = time.perf_counter()
                check(self.session.run(command))
                seconds.append(time.perf_counter() - start)
            return seconds

        return await self.call(all_commands)


class Tasks:
    """An asynchronous library."""

    def __init__(self, session):
        self.session = session
        self.open, self.close = session.open, session.close

    async def repeat(self, command, times):
        seconds = []
        for _ in range(times):
            start = time.perf_counter()
            check(await self.session.run(command))
            seconds.append(time.perf_counter() - start)
        return seconds


def check(output):
    """An answer that isn't one would make any library look fast."""
    if len(output) < options.least_output:
        raise RuntimeError(f"{options.library}: {options.command}: only {len(output)} characters: {output[:80]!r}")


def host(index):
    return str(ipaddress.IPv4Address(options.host) + index % options.hosts)


async def opened(first, count):
    sessions = [driver(LIBRARIES[options.library]()) for _ in range(count)]
    limit = asyncio.Semaphore(OPENING_IN_FLIGHT)

    async def open_one(index, session):
        async with limit:
            await session.open(host(first + index))

    await asyncio.gather(*(open_one(index, session) for index, session in enumerate(sessions)))
    return sessions


async def visit(count):
    """Connects, logs in, runs one command and closes, one after the other; the time is that to the answer."""
    seconds = []
    for index in range(count):
        start = time.perf_counter()
        [session] = await opened(index, 1)
        await session.repeat(options.command, 1)
        seconds.append(time.perf_counter() - start)
        await session.close()
    return seconds


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def usage():
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime, spent.ru_stime, time.perf_counter()


async def main():
    Threads.pool = ThreadPoolExecutor(max_workers=max(options.sessions, OPENING_IN_FLIGHT))
    sessions, seconds, count = [], [], options.count
    # What the first session brings into memory once for all, modules above all, isn't the sessions' own.
    if options.mode == "visit":
        await visit(1)
    elif options.mode == "idle":
        sessions = await opened(0, 1)
    before, start = resident_bytes(), usage()
    if options.mode == "visit":
        seconds = await visit(count)
    elif options.mode == "warm":
        sessions = await opened(0, options.sessions)
        start = usage()
        shares = [count // len(sessions) + (index < count % len(sessions)) for index in range(len(sessions))]
        work = (session.repeat(options.command, share) for session, share in zip(sessions, shares))
        seconds = [second for part in await asyncio.gather(*work) for second in part]
    else:
        sessions += await opened(1, options.sessions - 1)
        count = options.sessions
    end, after = usage(), resident_bytes()
    print(json.dumps({
        "mode": options.mode, "sessions": options.sessions, "count": count, "failures": 0,
        "user_seconds": end[0] - start[0], "system_seconds": end[1] - start[1], "wall_seconds": end[2] - start[2],
        "rss_bytes": after, "rss_before_bytes": before,
        "p50_seconds": statistics.median(seconds) if seconds else None,
    }), flush=True)
    # Open sessions end with the process, their threads included: closing them is the visits' matter.
    os._exit(0)


parser = argparse.ArgumentParser()
parser.add_argument("mode", choices=["visit", "warm", "idle"])
parser.add_argument("--library", required=True, choices=LIBRARIES)
parser.add_argument("--host", required=True, help="IPv4 address of the first device")
for name in ["hosts", "port", "sessions", "count", "least-output"]:
    parser.add_argument(f"--{name}", type=int, required=True)
for name in ["user", "password", "command"]:
    parser.add_argument(f"--{name}", required=True)
options = parser.parse_args()
driver = Tasks if asyncio.iscoroutinefunction(LIBRARIES[options.library].open) else Threads
asyncio.run(main())
