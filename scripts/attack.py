#!/usr/bin/env python3
"""Load held while the server is attacked: messages a second, and the server's memory.

    python3 scripts/attack.py [--seconds 5] [--rounds 3]        the same as `make attack`

A fresh SQLite database and the echo model. Some clients send messages as fast as they are answered: alone, beside 1,000
sockets that dribble the headers of a request or say nothing at all, and beside 20 clients that send bodies of 10 MB, over
and over, to /graphql and to /v1. Each in turn, as often as there are rounds; the medians are shown, with the ratio to the
load alone. Everything stays on the loopback interface. Prints figures and asserts no times.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

import with_services

CLIENTS = 16
SOCKETS = 1000
BODIES = 20
BODY_BYTES = 10_000_000
REGISTER = "mutation($n: String!) { register(input: {username: $n, password: \"seven-green-kites\"}) { accessToken } }"
SEND = 'mutation { sendMessage(input: {message: "Hello"}) { chat { status } errors { code } } }'


class Connection:
    """A client that keeps its connection."""

    def __init__(self, port: int, access: str | None = None) -> None:
        self.port, self.access = port, access

    async def post(self, query: str, **variables: object) -> dict:
        if not hasattr(self, "writer"):
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        body = json.dumps({"query": query, "variables": variables}).encode()
        authorization = f"Authorization: Bearer {self.access}\r\n" if self.access else ""
        self.writer.write(head("/graphql", len(body), authorization) + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        size = int(re.search(rb"content-length: (\d+)", answer, re.I)[1])
        return json.loads(await self.reader.readexactly(size))["data"]


def head(path: str, size: int, more: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n{more}\r\n".encode()


async def load(port: int, users: list[str], seconds: float) -> tuple[float, float]:
    """Messages a second, and the 99th percentile of their milliseconds."""
    end, took = time.monotonic() + seconds, []

    async def client(access: str) -> None:
        connection = Connection(port, access)
        while (start := time.monotonic()) < end:
            answer = await connection.post(SEND)
            if answer["sendMessage"]["chat"]["status"] != "DONE":
                raise SystemExit(f"not answered: {answer}")
            took.append(time.monotonic() - start)
        connection.writer.close()

    await asyncio.gather(*(client(access) for access in users))
    return len(took) / seconds, statistics.quantiles(took, n=100)[98] * 1000


async def slowloris(port: int) -> None:
    """Half of the sockets say a byte a second, half nothing. Whoever is closed comes again."""

    async def dribble(silent: bool) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"" if silent else b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ")
                while not (writer.is_closing() or reader.at_eof()):
                    await asyncio.sleep(1)
                    writer.write(b"" if silent else b"y")
                writer.close()
            except OSError:
                await asyncio.sleep(1)

    await asyncio.gather(*(dribble(number % 2 == 0) for number in range(SOCKETS)))


async def bodies(port: int) -> None:
    """Large bodies, one after the other, whatever the server says to them."""
    part = b" " * 65536

    async def send(path: str) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(head(path, BODY_BYTES, "Authorization: Bearer x\r\n"))
                for _ in range(BODY_BYTES // len(part) + 1):
                    writer.write(part)
                    await writer.drain()
                await asyncio.wait_for(reader.read(1), 5)
                writer.close()
            except (OSError, TimeoutError):
                await asyncio.sleep(0.05)

    await asyncio.gather(*(send("/graphql" if n % 2 == 0 else "/v1/chat/completions") for n in range(BODIES)))


def memory(pid: int) -> tuple[int, int]:
    """Resident memory in MiB: now, and at most since the last look."""
    status = Path(f"/proc/{pid}/status").read_text()
    now, peak = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) // 1024 for name in ("VmRSS", "VmHWM"))
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return now, peak


async def beside(attack: Callable[[int], Coroutine] | None, port: int, users: list[str], seconds: float) -> tuple[float, float]:
    if attack is None:
        return await load(port, users, seconds)
    attacking = asyncio.create_task(attack(port))
    try:
        await asyncio.sleep(1)
        return await load(port, users, seconds)
    finally:
        attacking.cancel()
        await asyncio.gather(attacking, return_exceptions=True)


async def run(binary: str, seconds: float, rounds: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    port = with_services.free_port()
    attacks = {"alone": None, "1,000 slow sockets": slowloris, "20 bodies of 10 MB": bodies}
    seen: dict[str, list[tuple[float, float, int, int]]] = {name: [] for name in attacks}
    with tempfile.TemporaryDirectory(prefix="jeton-attack-") as data:
        settings = {
            "JETON_HTTP__LISTEN": f"127.0.0.1:{port}",
            # All clients here have one address, which has 1,000 by default.
            "JETON_HTTP__MAX_CONNECTIONS_PER_ADDRESS": "5000",
            "JETON_HTTP__HEADER_TIMEOUT": "3s",
            "JETON_DATA__DIR": data,
            "JETON_DEFAULT_MODEL": "echo",
            "JETON_LEDGER__SIGNUP_GRANT": "1000000000",
            "JETON_LIMITS__MESSAGES_PER_MINUTE_PER_USER": "0",
            "JETON_LOG__FILTER": "warn",
        }
        jeton = subprocess.Popen([binary, "serve"], env=os.environ | settings, cwd=data, stdout=subprocess.DEVNULL)
        try:
            await asyncio.sleep(2)
            users = [(await Connection(port).post(REGISTER, n=f"user{n}"))["register"]["accessToken"] for n in range(CLIENTS)]
            await load(port, users, 1)
            idle = memory(jeton.pid)[0]
            for _ in range(rounds):
                for name, attack in attacks.items():
                    rate, late = await beside(attack, port, users, seconds)
                    seen[name].append((rate, late, *memory(jeton.pid)))
            await asyncio.sleep(4)
            rest = memory(jeton.pid)[0]
        finally:
            jeton.terminate()
            code = jeton.wait(60)
    print(f"{binary}, {os.cpu_count()} cores, {CLIENTS} clients, {rounds} rounds of {seconds:g} s, medians")
    print(f"{'':20} {'messages/s':>10} {'of alone':>9} {'p99 ms':>8} {'RSS MiB':>8} {'peak MiB':>9}")
    alone = statistics.median(row[0] for row in seen["alone"])
    for name, rows in seen.items():
        rate, late, now, peak = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{name:20} {rate:10.0f} {rate / alone:9.2f} {late:8.0f} {now:8.0f} {peak:9.0f}")
    print(f"memory before: {idle} MiB, after all of it: {rest} MiB; the server ended with {code}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="of load each time")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    binary = os.environ.get("JETON_TEST_BINARY", "target/release/jeton")
    asyncio.run(run(os.path.abspath(binary), options.seconds, options.rounds))


if __name__ == "__main__":
    main()
