"""What the soak and the cluster test have in common: a scripted upstream, the real server, requests, and the database."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import root  # noqa: F401

import with_services

REGISTER = "mutation($n: String!) { register(input: {username: $n, password: \"seven-green-kites\"}) { accessToken } }"
START = """mutation($m: String!, $model: String!, $k: String!) { startMessage(input: {message: $m, model: $model, idempotencyKey: $k})
    { chat { id status } errors { code } } }"""


class Upstream:
    """An OpenAI-compatible service that follows the script named by the first word of the message."""

    async def serve(self) -> int:
        server = await asyncio.start_server(self.answer, "127.0.0.1", 0, backlog=1024)
        return server.sockets[0].getsockname()[1]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            message = json.loads(await reader.readexactly(length))["messages"][-1]["content"]
            await self.play(message.split()[0], message, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def play(
        self, script: str, message: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async def say(text: str) -> None:
            writer.write(text.encode())
            await writer.drain()

        async def disconnected() -> None:
            await reader.read()

        def chunk(content: str, finish: str | None = None) -> str:
            choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
            return f"data: {json.dumps({'choices': [choice]})}\n\n"

        if script == "refuse":
            await say("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
            return
        await say("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        if script == "garbage":
            await say("data: {]\n\n")
            return
        if script == "mute":
            await disconnected()
            return
        if script != "empty":
            for number in range(random.randint(2, 12)):
                await say(chunk(f"{message} {number} "))
                await asyncio.sleep(random.uniform(*PAUSES.get(script, (0, 0.02))))
        if script == "stall":
            await disconnected()
            return
        if script == "break":
            return
        await say(chunk("", "stop"))
        if random.random() < 0.5:
            await say('data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":9}}\n\n')
        await say("data: [DONE]\n\n")


#: Seconds between two chunks.
PAUSES = {"slow": (0.05, 0.3), "slower": (0.1, 0.6)}


class Server:
    """Jeton, killed and restarted repeatedly on the same port and data."""

    def __init__(self, binary: str, data: Path, settings: str) -> None:
        self.binary, self.data, self.port = Path(binary).resolve(), data, with_services.free_port()
        self.kills = 0
        config = data / "jeton.toml"
        config.write_text(f'http.listen = "127.0.0.1:{self.port}"\ndata.dir = "{data}"\n{settings}')
        self.command: list[str | Path] = [self.binary, "--config", str(config)]
        self.log = (data / "log").open("w")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> subprocess.Popen[bytes]:
        """The process, once the server was started."""
        if self.process is None:
            raise RuntimeError("the server was not started")
        return self.process

    async def start(self) -> None:
        self.process = subprocess.Popen([*self.command, "serve"], cwd=self.data, stdout=self.log, stderr=self.log)
        for _ in range(1200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            except OSError:
                if self.running.poll() is not None:
                    sys.exit(f"the server does not start; see {self.log.name}")
                await asyncio.sleep(0.05)
        sys.exit("the server does not listen")

    def kill(self) -> None:
        self.running.kill()
        self.running.wait()
        self.kills += 1

    def verify(self) -> tuple[bool, str]:
        done = subprocess.run([*self.command, "verify"], check=False, capture_output=True, text=True)
        return done.returncode == 0, done.stdout + done.stderr


@dataclass
class Opened:
    """An answer whose body is still to be read."""

    status: int
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close()


async def post(port: int, path: str, body: dict, access: str | None = None, **headers: str) -> Opened:
    """Sends a request. By HTTP/1.0, whose body is all that comes until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        data = json.dumps(body).encode()
        lines = [f"POST {path} HTTP/1.0", "Host: x", "Content-Type: application/json", f"Content-Length: {len(data)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if access:
            lines.append(f"Authorization: Bearer {access}")
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        named = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        return Opened(int(head[0].split()[1]), named, reader, writer)
    except BaseException:
        writer.close()
        raise


async def graphql(port: int, query: str, access: str | None, variables: dict) -> dict:
    """The answer to a query or mutation. ValueError where it is cut off."""
    with await post(port, "/graphql", {"query": query, "variables": variables}, access) as answer:
        return json.loads(await answer.reader.read())


async def subscribe(port: int, query: str, access: str, variables: dict) -> Opened:
    """Begins a subscription over Server-Sent Events."""
    return await post(port, "/graphql/stream", {"query": query, "variables": variables}, access)


async def events(answer: Opened) -> AsyncIterator[str]:
    """The data of the events as they come, and "complete" at the end, if it comes."""
    while line := (await answer.reader.readline()).decode():
        if line.startswith("event: complete"):
            yield "complete"
        elif line.startswith("data: ") and len(line) > 7 and line.endswith("\n"):
            yield line[6:].rstrip("\r\n")


def rows(database: str, query: str) -> list[tuple]:
    """What a query finds, by the database's own means."""
    if database.startswith("sqlite://"):
        with sqlite3.connect(database.removeprefix("sqlite://")) as connection:
            return connection.execute(query).fetchall()
    psql = with_services.postgres_binaries() / "psql"
    out = subprocess.run([psql, database, "-AtF\t", "-c", query], capture_output=True, text=True, check=True).stdout
    return [tuple(line.split("\t")) for line in out.splitlines()]
