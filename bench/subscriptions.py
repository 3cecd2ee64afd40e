#!/usr/bin/env python3
"""2,000 subscriptions on one server: what they receive, and the memory that each takes.

    python3 bench/subscriptions.py [--count 2000] [--transport ws|sse|both]        the same as `make bench-streams`

For each transport: that many idle `balanceChanged` subscriptions, one connection each, and what the server's memory (RSS)
grows by; then that many `replyStream` subscriptions to as many replies, which a scripted upstream streams in chunks.
Every one of them has to receive its whole reply and its end. Prints figures and asserts no times.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from load import memory
from servers import ROOT

import with_services

USERS = 40
CHUNKS = 20
PAUSE = 1.0
REGISTER = "mutation($n: String!) { register(input: {username: $n, password: \"seven-green-kites\"}) { accessToken } }"
START = 'mutation { startMessage(input: {message: "go"}) { chat { id } errors { message } } }'
FOLLOW = """subscription($id: ID!) { replyStream(chatId: $id) { __typename ... on ReplyDelta { text }
    ... on ReplyFinished { chat { response } } } }"""
BALANCE = "subscription { balanceChanged { tokens held } }"


async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Streams CHUNKS chunks, one every PAUSE seconds."""
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for number in range(CHUNKS):
            await asyncio.sleep(PAUSE)
            writer.write(f'data: {{"choices":[{{"index":0,"delta":{{"content":"chunk {number} "}}}}]}}\n\n'.encode())
        writer.write(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
        await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


class Client:
    """One connection with one subscription, over either transport."""

    def __init__(self, port: int, access: str, transport: str) -> None:
        self.port, self.access, self.transport = port, access, transport

    async def subscribe(self, query: str, **variables: object) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        payload = {"query": query, "variables": variables}
        if self.transport == "sse":
            body = json.dumps(payload).encode()
            self.writer.write(
                f"POST /graphql/stream HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {self.access}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode() + body
            )
            await self.reader.readuntil(b"\r\n\r\n")
            return
        self.writer.write(
            b"GET /graphql/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        )
        await self.reader.readuntil(b"\r\n\r\n")
        self.say({"type": "connection_init", "payload": {"authorization": f"Bearer {self.access}"}})
        await self.frame()
        self.say({"type": "subscribe", "id": "1", "payload": payload})

    def say(self, message: dict, opcode: int = 1) -> None:
        body = json.dumps(message).encode() if opcode == 1 else b""
        size = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2, "big")
        # Masked with zeros, which leaves the text as it is.
        self.writer.write(bytes([0x80 | opcode]) + size + bytes(4) + body)

    async def frame(self) -> dict:
        while True:
            head = await self.reader.readexactly(2)
            size = head[1] & 0x7F
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            body = await self.reader.readexactly(size)
            if head[0] & 0x0F == 9:
                self.say({}, opcode=10)
            elif head[0] & 0x0F == 1:
                return json.loads(body)
            else:
                raise OSError(f"closed: {body[2:].decode(errors='replace')}")

    async def next(self) -> dict:
        """The data of the next answer."""
        if self.transport == "ws":
            return (await self.frame())["payload"]["data"]
        while True:
            line = await self.reader.readline()
            if not line:
                raise OSError("the stream has ended")
            if line.startswith(b"data: {"):
                return json.loads(line[6:])["data"]

    async def follow(self, chat: str) -> tuple[int, float]:
        """Receives a whole reply; the number of deltas, and the seconds between the first and the last."""
        await self.subscribe(FOLLOW, id=chat)
        text, deltas, first = "", 0, 0.0
        while (event := (await self.next())["replyStream"])["__typename"] == "ReplyDelta":
            text, deltas, first = text + event["text"], deltas + 1, first or time.monotonic()
        if event["__typename"] != "ReplyFinished" or event["chat"]["response"] != text:
            raise OSError(f"not whole: {event}")
        self.writer.close()
        return deltas, time.monotonic() - first


async def post(port: int, query: str, access: str | None = None, **variables: object) -> dict:
    body = json.dumps({"query": query, "variables": variables}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    authorization = f"Authorization: Bearer {access}\r\n" if access else ""
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n{authorization}"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    answer = await reader.read()
    writer.close()
    return json.loads(answer.split(b"\r\n\r\n", 1)[1])["data"]


async def run(binary: str | Path, count: int, transports: list[str]) -> None:
    server = await asyncio.start_server(upstream, "127.0.0.1", 0, backlog=4096)
    model = server.sockets[0].getsockname()[1]
    port = with_services.free_port()
    with tempfile.TemporaryDirectory(prefix="jeton-bench-") as data:
        config = Path(data) / "jeton.toml"
        config.write_text(
            f"""
            default_model = "slow"
            http.listen = "127.0.0.1:{port}"
            data.dir = "{data}"
            ledger.signup_grant = 1000000
            limits.registrations_per_hour_per_address = 0
            log.filter = "warn"
            [models.slow]
            provider = "openai"
            base_url = "http://127.0.0.1:{model}/v1"
            upstream_model = "x"
            price = {{ per_message = 100 }}
            """
        )
        jeton = subprocess.Popen([binary, "--config", config, "serve"], stdout=subprocess.DEVNULL)
        try:
            await asyncio.sleep(2)
            users = [(await post(port, REGISTER, n=f"user{n}"))["register"]["accessToken"] for n in range(USERS)]
            for transport in transports:
                await idle(jeton.pid, port, users, transport, count)
                await active(jeton.pid, port, users, transport, count)
        finally:
            jeton.terminate()
            jeton.wait(60)


async def idle(pid: int, port: int, users: list[str], transport: str, count: int) -> None:
    before = memory(pid)
    clients = [Client(port, users[n % USERS], transport) for n in range(count)]
    for start in range(0, count, 100):
        batch = clients[start : start + 100]
        await asyncio.gather(*(client.subscribe(BALANCE) for client in batch))
        await asyncio.gather(*(client.next() for client in batch))
    await asyncio.sleep(2)
    grown = memory(pid) - before
    print(
        f"{transport}: {count} idle subscriptions, one connection each: {grown / count:.1f} KiB each ({before} to {memory(pid)} KiB)",
        flush=True,
    )
    for client in clients:
        client.writer.close()
    await asyncio.sleep(3)


async def active(pid: int, port: int, users: list[str], transport: str, count: int) -> None:
    before, start = memory(pid), time.monotonic()
    chats = []
    for number in range(0, count, 50):
        started = await asyncio.gather(*(post(port, START, users[n % USERS]) for n in range(number, number + 50)))
        # Followed at once, while the others are still being started.
        for n, answer in enumerate(started, number):
            client = Client(port, users[n % USERS], transport)
            chats.append(asyncio.create_task(client.follow(answer["startMessage"]["chat"]["id"])))
    opened = time.monotonic() - start
    await asyncio.sleep(1)
    peak = memory(pid)
    followed = await asyncio.gather(*chats)
    deltas = [deltas for deltas, _ in followed]
    took = time.monotonic() - start
    print(
        f"{transport}: {count} replies and subscriptions opened in {opened:.1f} s, all whole after {took:.1f} s "
        f"({CHUNKS} chunks {PAUSE:.0f} s apart); deltas {min(deltas)} to {max(deltas)} each; "
        f"{(peak - before) / count:.1f} KiB for each with its turn",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--transport", choices=["ws", "sse", "both"], default="both")
    options = parser.parse_args()
    transports = ["ws", "sse"] if options.transport == "both" else [options.transport]
    binary = os.environ.get("JETON_TEST_BINARY", ROOT / "target/release/jeton")
    asyncio.run(run(binary, options.count, transports))


if __name__ == "__main__":
    main()
