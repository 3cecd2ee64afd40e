#!/usr/bin/env python3
"""The attackers of tests/system/load_under_attack.py, which starts each of them in a process of its own.

    python3 tests/system/attackers.py NAME PORT UPSTREAM_PORT SECONDS

One attacker at an address of its own (127.0.0.2): anonymous, or with an account that is registered through the API and has
nothing but the sign-up grant. Prints "ready" when account and chats are there, attacks until its standard input ends, and
then prints how often the server answered what. Requests are built beforehand, answers are thrown away, and a request that
is answered at once is repeated after a pause: the attacker shares two cores with the server and must not be the load itself.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import re
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine

ADDRESS = "127.0.0.2"
PASSWORD = "seven-green-kites"
#: Bytes that are sent at once.
CHUNK = 1 << 16
#: Seconds between an answer and the next request of the same loop.
PAUSE = 0.05
#: The same of queries that cost nearly what one query may cost, and are answered.
LONG_PAUSE = 0.25
#: Seconds after which a connection whose client does not read moves no more.
SETTLE = 3
#: What the sign-up grant pays for, less a few.
CHATS = 38
SOCKETS, BODIES, HALF_BODIES, RECORDINGS, REGISTRATIONS, READERS = 1000, 20, 60, 35, 300, 200
BODY_BYTES, V1_BYTES, MEMBERS_BYTES = 10_000_000, 20 << 20, 3_900_000
#: Bytes of one streamed answer: in each second of an attack, at most in all, and of one event.
STREAM_RATE, STREAM_BYTES, EVENT_BYTES = 500_000, 24 << 20, 2048
#: Slow for zxcvbn: nothing but signs that may stand for letters.
SLOW_PASSWORD = "".join(random.Random(1).choices("4@8({[<369!1|705$7+%2", k=256))
#: Slow to fold: each character becomes eighteen. Variables may have 512 KiB, other bodies 1 MiB.
SLOW_NAME, SLOWER_NAME = "\ufdfa" * (508_000 // 3), "\ufdfa" * (1_040_000 // 3)

REGISTER = "mutation($n: String!, $p: String!) { register(input: {username: $n, password: $p}) { accessToken errors { code } } }"
LOGIN = "mutation($n: String!) { login(input: {username: $n, password: \"x\"}) { errors { code } } }"
BEGIN = "mutation { createConversation(input: {title: \"t\"}) { conversation { id } } }"
SEND = """mutation($m: String!, $c: ID!) { sendMessage(input: {message: $m, conversationId: $c, model: "echo"})
    { chat { status } errors { code } } }"""


def request(path: str, body: bytes, access: str | None = None, *more: str, method: str = "POST", size: int | None = None) -> bytes:
    """A request as it goes over the wire; `size` where its head promises more than the body."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *more]
    lines.append(f"Content-Length: {len(body) if size is None else size}")
    if access:
        lines.append(f"Authorization: Bearer {access}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def document(query: str, **variables: object) -> bytes:
    return json.dumps({"query": query, "variables": variables}, ensure_ascii=False).encode()


def nested(levels: int, wrap: Callable[[str], str]) -> str:
    """Pages of chats within each other, each page's fields wrapped."""
    fields = "nodes{id}"
    for _ in range(levels - 1):
        fields = f"nodes{{conversation{{chats{{{wrap(fields)}}}}}}}"
    return wrap(fields)


def inline(fields: str) -> str:
    return f"...{{{fields}}}"


def typed(fields: str) -> str:
    return f"... on ChatConnection{{{fields}}}"


def included(fields: str) -> str:
    return f"...@include(if:true){{{fields}}}"


def named(levels: int) -> str:
    """The same by named fragments, each of which spreads the next one."""
    fragments = [f"fragment f{n} on ChatConnection{{nodes{{conversation{{chats{{...f{n + 1}}}}}}}}}" for n in range(levels - 1)]
    return "{chatHistory{...f0}}" + "".join(fragments) + f"fragment f{levels - 1} on ChatConnection{{nodes{{id}}}}"


def plain(rows: int, copies: int) -> str:
    """A query whose cost is within the limit, and whose answer is rows * rows * copies messages of 1,000 characters."""
    messages = " ".join(f"m{n}:message" for n in range(copies))
    return f"{{chatHistory(first:{rows}){{nodes{{conversation{{chats(first:{rows}){{nodes{{{messages}}}}}}}}}}}}}"


class Attacker:
    def __init__(self, port: int, upstream: int, seconds: float) -> None:
        self.port, self.upstream, self.seconds = port, upstream, seconds
        self.answers: Counter[str] = Counter()
        self.numbers = itertools.count()
        self.held: list[socket.socket] = []

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(ADDRESS, 0))

    async def ask(self, text: bytes) -> bytes:
        """Sends a request and reads the whole answer; its body, where it is short."""
        writer = None
        try:
            reader, writer = await self.connect()
            writer.write(text[:CHUNK].replace(b"Host: x", b"Host: x\r\nConnection: close", 1))
            # In chunks: copying a large body that is rejected at its beginning would take of the honest clients' time.
            for start in range(CHUNK, len(text), CHUNK):
                await writer.drain()
                writer.write(text[start : start + CHUNK])
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            self.answers[head.split()[1].decode()] += 1
            first = await reader.read(1 << 18)
            while await reader.read(1 << 18):
                pass
            return first
        except (OSError, EOFError):
            self.answers["closed"] += 1
            return b""
        finally:
            if writer:
                writer.close()

    async def repeat(self, *requests: bytes, pause: float = PAUSE) -> None:
        for text in itertools.cycle(requests):
            await self.ask(text)
            await asyncio.sleep(pause)

    async def graphql(self, query: str, access: str | None, **variables: object) -> dict:
        return json.loads(await self.ask(request("/graphql", document(query, **variables), access)))["data"]

    async def account(self, chats: int = 0) -> tuple[str, str]:
        """The access token of a new account, and a conversation with this many chats of 1,000 characters."""
        name = f"attacker{next(self.numbers)}"
        access = (await self.graphql(REGISTER, None, n=name, p=PASSWORD))["register"]["accessToken"]
        conversation = (await self.graphql(BEGIN, access))["createConversation"]["conversation"]["id"]
        for _ in range(chats):
            await self.graphql(SEND, access, m="x" * 1000, c=conversation)
        return access, conversation

    # Point 1: cost that hides behind fragments.

    async def guard(self) -> list[Coroutine]:
        access, _ = await self.account(CHATS)
        queries = [f"{{chatHistory{{{nested(4, wrap)}}}}}" for wrap in (inline, typed, included)]
        queries += [named(4), queries[0].replace("nodes{id}", "edges{node{id}}")]
        four = [request("/graphql", document(query), access) for query in queries]
        five = request("/graphql", document(f"{{chatHistory{{{nested(5, inline)}}}}}"), access)
        return [self.repeat(*four), self.repeat(five)]

    # Point 2: the same where no time limit holds, and answers of many megabytes.

    async def streams(self) -> list[Coroutine]:
        access, conversation = await self.account(CHATS)
        hidden, large = document(f"{{chatHistory{{{nested(4, inline)}}}}}"), document(plain(CHATS, 30))
        chats = f"conversation{{chats{{{nested(4, inline)}}}}}"
        rename = f'mutation($c:ID!){{renameConversation(input:{{conversationId:$c,title:"x"}}){{{chats}}}}}'
        return [
            self.repeat(*(request("/graphql/stream", query, access) for query in (hidden, large)), pause=LONG_PAUSE),
            self.repeat(request("/graphql", document(rename, c=conversation), access)),
            self.by_socket(access, hidden, large),
        ]

    async def by_socket(self, access: str, *documents: bytes) -> None:
        """Runs one operation after the other, each over a WebSocket of its own."""
        upgrade = (
            b"GET /graphql/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        )
        begin = json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {access}"}}).encode()
        for payload in itertools.cycle(documents):
            try:
                reader, writer = await self.connect()
                writer.write(upgrade + frame(begin) + frame(b'{"type":"subscribe","id":"1","payload":' + payload + b"}"))
                last = b""
                while b'"complete"' not in last and b'"error"' not in last and (more := await reader.read(1 << 18)):
                    last = last[-16:] + more
                self.answers["socket"] += 1
                writer.close()
            except OSError:
                self.answers["closed"] += 1
            await asyncio.sleep(LONG_PAUSE)

    # Point 3: members of a body that are compared with each other.

    async def members(self) -> list[Coroutine]:
        access, _ = await self.account()
        members = b",".join(b'"%d":0' % n for n in range(MEMBERS_BYTES // 10))
        bodies = [b'{"model":"%s","messages":[],%s}' % (model, members) for model in (b"echo", b"double")]
        return [self.repeat(request("/v1/chat/completions", body, access)) for body in bodies]

    # Point 4: work before length and rate are checked, for anonymous clients.

    async def cpu(self) -> list[Coroutine]:
        long_password = document(REGISTER, n="anyone", p=SLOW_PASSWORD)
        form = {"username": "anyone", "password": SLOW_PASSWORD, "password2": "another"}
        long_name = json.dumps({"username": SLOWER_NAME, "password": "x"}, ensure_ascii=False).encode()
        return [
            self.repeat(request("/graphql", long_password)),
            self.repeat(request("/api/register/", json.dumps(form).encode())),
            self.repeat(request("/graphql", document(LOGIN, n=SLOW_NAME))),
            self.repeat(request("/api/token/", long_name)),
        ]

    # Point 5: memory at /v1.

    async def values(self) -> list[Coroutine]:
        """Bodies within the limit that are many times as large once they are parsed."""
        access, _ = await self.account()
        objects = b'{"model":"echo","messages":[' + b'{"":0},' * (V1_BYTES // 7 - 100) + b"0]}"
        numbers = b'{"model":"double","messages":[{"role":"user","content":[' + b"0," * (V1_BYTES // 2 - 100) + b"0]}]}"
        return [self.repeat(request("/v1/chat/completions", body, access)) for body in (objects, numbers)]

    async def half_bodies(self) -> list[Coroutine]:
        access, _ = await self.account()
        head = request("/v1/chat/completions", b"", access, size=V1_BYTES)
        return [self.send_half(head, 17 << 20) for _ in range(HALF_BODIES)]

    async def send_half(self, head: bytes, size: int) -> None:
        part = b" " * (1 << 16)
        while True:
            try:
                reader, writer = await self.connect()
                writer.write(head)
                for _ in range(size // len(part)):
                    writer.write(part)
                    await writer.drain()
                answer = await reader.read(1 << 16)
                self.answers[answer.split()[1].decode() if answer else "closed"] += 1
                writer.close()
            except OSError:
                self.answers["closed"] += 1
            await asyncio.sleep(1)

    async def recordings(self) -> list[Coroutine]:
        """Calls with an idempotency key, whose answers are recorded whether they are read or not."""
        access, _ = await self.account()
        await asyncio.start_server(self.stream, "127.0.0.1", self.upstream)
        return [self.record(access) for _ in range(RECORDINGS)]

    async def record(self, access: str) -> None:
        body = b'{"model":"double","stream":true,"messages":[{"role":"user","content":"x"}]}'
        while True:
            try:
                reader, writer = await self.connect()
                writer.write(request("/v1/chat/completions", body, access, f"Idempotency-Key: k{next(self.numbers)}"))
                self.answers[(await reader.readuntil(b"\r\n\r\n")).split()[1].decode()] += 1
                writer.close()
            except (OSError, EOFError):
                self.answers["closed"] += 1
            await asyncio.sleep(max(self.seconds, 1))

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The upstream: a long answer, spread over the time that the attack takes."""
        choice = {"index": 0, "delta": {"content": "x" * (EVENT_BYTES - 80)}, "finish_reason": None}
        event = f"data: {json.dumps({'choices': [choice]})}\n\n".encode()
        steps, size = 40, min(int(STREAM_RATE * self.seconds), STREAM_BYTES)
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            for _ in range(steps):
                writer.write(event * (size // steps // len(event)))
                await writer.drain()
                await asyncio.sleep(self.seconds / steps)
            writer.write(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
            await writer.drain()
        except OSError:
            self.answers["upstream left"] += 1
        finally:
            writer.close()

    # Point 6: a queue of hashes.

    async def hashes(self) -> list[Coroutine]:
        async def register() -> None:
            while True:
                await self.ask(request("/graphql", document(REGISTER, n=f"new{next(self.numbers)}", p=PASSWORD)))
                await asyncio.sleep(1)

        return [register() for _ in range(REGISTRATIONS)]

    # Point 7: clients that never read.

    async def readers(self) -> list[Coroutine]:
        """Most ask for files, many in one go, since those cost little; a few for answers of a megabyte. What it costs to make
        those is no part of the attack, which begins once nothing moves any more."""
        access, _ = await self.account(CHATS)
        page = await self.ask(request("/", b"", method="GET"))
        found = re.findall(rb"/assets/[\w.-]+", page) or [b"/api/openapi.json"] * 50
        files = b"".join(request(path.decode(), b"", method="GET") for path in found) * 10
        messages = " ".join(f"m{number}:message" for number in range(26))
        large = document(f"{{chatHistory(first:{CHATS}){{nodes{{{messages}}}}}}}")
        others = [request("/graphql", large, access) * 8, request("/graphql/stream", large, access)] * 6
        count = READERS if self.seconds >= 10 else READERS // 4
        await asyncio.gather(*(self.never_read(text) for text in others + [files] * (count - len(others))))
        await asyncio.sleep(SETTLE)
        return [asyncio.sleep(0)]

    async def never_read(self, text: bytes) -> None:
        loop = asyncio.get_running_loop()
        connection = socket.socket()
        # So that little lies in the buffers of the system.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        connection.bind((ADDRESS, 0))
        self.held.append(connection)
        try:
            await loop.sock_connect(connection, ("127.0.0.1", self.port))
            await asyncio.wait_for(loop.sock_sendall(connection, text), SETTLE)
        except TimeoutError:
            pass
        except OSError:
            self.answers["closed"] += 1

    # Slow sockets and large bodies.

    async def slow_sockets(self) -> list[Coroutine]:
        """Half of them send a byte of a header each second, half of them nothing. One that is closed comes again."""

        async def dribble(silent: bool) -> None:
            while True:
                try:
                    reader, writer = await self.connect()
                    writer.write(b"" if silent else b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ")
                    while not (writer.is_closing() or reader.at_eof()):
                        await asyncio.sleep(1)
                        writer.write(b"" if silent else b"y")
                    writer.close()
                except OSError:
                    await asyncio.sleep(1)

        return [dribble(number % 2 == 0) for number in range(SOCKETS)]

    async def large_bodies(self) -> list[Coroutine]:
        part = b" " * 65536

        async def send(path: str) -> None:
            while True:
                try:
                    reader, writer = await self.connect()
                    writer.write(request(path, b"", "x", size=BODY_BYTES))
                    for _ in range(BODY_BYTES // len(part) + 1):
                        writer.write(part)
                        await writer.drain()
                    await asyncio.wait_for(reader.read(1), 5)
                    writer.close()
                except (OSError, TimeoutError):
                    await asyncio.sleep(PAUSE)

        return [send("/graphql" if number % 2 == 0 else "/v1/chat/completions") for number in range(BODIES)]


def frame(text: bytes) -> bytes:
    """A text frame, masked with zeros, which leave it as it is."""
    size = struct.pack("!BB", 0x81, 0x80 | len(text)) if len(text) < 126 else struct.pack("!BBH", 0x81, 0xFE, len(text))
    return size + bytes(4) + text


async def run(name: str, attacker: Attacker) -> None:
    stop = asyncio.Event()
    # Also when the process that started this one has died.
    asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    loops = await getattr(attacker, name)()
    print("ready", flush=True)
    busy = time.process_time()
    attacking = asyncio.gather(*loops)
    stopped = asyncio.ensure_future(stop.wait())
    # Loops that end, as those that only hold a connection do, are not the end of the attack.
    waiting: list[asyncio.Future] = [stopped, attacking]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if attacking.done() and (failure := attacking.exception()):
        raise failure
    await stopped
    print(json.dumps({"answers": attacker.answers, "busy": time.process_time() - busy}), flush=True)
    # Connections, half-sent bodies and waiting requests go with the process.
    os._exit(0)


def main() -> None:
    name, port, upstream, seconds = sys.argv[1:]
    asyncio.run(run(name, Attacker(int(port), int(upstream), float(seconds))))


if __name__ == "__main__":
    main()
