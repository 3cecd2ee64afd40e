"""The honest clients of load_under_attack.py: they send messages as fast as they are answered, and one logs in periodically."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field

PASSWORD = "seven-green-kites"
#: Seconds that a client may wait for an answer after the load has ended.
GRACE = 40.0
LOGIN = 'mutation { login(input: {username: "honest0", password: "seven-green-kites"}) { accessToken errors { code } } }'
SEND = 'mutation { sendMessage(input: {message: "Hello"}) { chat { status } errors { code } } }'


@dataclass
class Load:
    """What the honest clients saw, in seconds."""

    seconds: float
    answered: int = 0
    failed: int = 0
    waits: list[float] = field(default_factory=list)
    logins: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.answered / self.seconds

    @property
    def late(self) -> float:
        return sorted(self.waits)[len(self.waits) * 99 // 100] if self.waits else GRACE


class Connection:
    """A client that keeps its connection."""

    def __init__(self, port: int, access: str | None = None) -> None:
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        authorization = f"Authorization: Bearer {access}\r\n" if access else ""
        self.head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{authorization}Content-Length: "

    async def post(self, query: str) -> dict:
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        body = json.dumps({"query": query})
        writer.write(f"{self.head}{len(body)}\r\n\r\n{body}".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        size = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if size is None:
            raise ValueError("an answer without a length")
        return json.loads(await reader.readexactly(int(size[1]))).get("data") or {}

    def close(self) -> None:
        if self.streams:
            self.streams[1].close()
        self.streams = None


async def load(port: int, users: list[str], seconds: float) -> Load:
    """The honest clients, for this time. What is not answered then is waited for, but not counted as answered."""
    seen, end = Load(seconds), time.monotonic() + seconds

    async def repeat(connection: Connection, query: str, good: str, waits: list[float], pause: float) -> None:
        start = time.monotonic()
        try:
            async with asyncio.timeout(seconds + GRACE):
                while (start := time.monotonic()) < end:
                    try:
                        done = good in json.dumps(await connection.post(query))
                    except (OSError, EOFError, ValueError):
                        connection.close()
                        done = False
                    waits.append(time.monotonic() - start)
                    seen.failed += not done
                    seen.answered += done and pause == 0 and time.monotonic() < end
                    await asyncio.sleep(pause if done else max(pause, 0.1))
        except TimeoutError:
            waits.append(time.monotonic() - start)
            seen.failed += 1
        finally:
            connection.close()

    senders = (repeat(Connection(port, access), SEND, '"DONE"', seen.waits, 0) for access in users)
    await asyncio.gather(*senders, repeat(Connection(port), LOGIN, '"accessToken": "', seen.logins, 0.5))
    return seen
