#!/usr/bin/env python3
"""Soak: many turns through a real server whose model misbehaves, whose clients vanish, and which is killed again and again.

    python3 scripts/soak.py [--turns 1000] [--binary target/debug/jeton]        the same as `make soak`

A scripted upstream (an OpenAI-compatible service in this process) answers, stalls, breaks off, errs or says nothing, as
each message asks it to. Clients send, follow, stop, retry and vanish at random moments, and every few seconds the server
is killed with SIGKILL and started again. At the end, on SQLite and on PostgreSQL:

  - `jeton verify` is clean, and nothing is held;
  - no chat is PENDING for longer than its lease;
  - every chat whose end a client saw has that end, and the ledger's reason fits what the script did;
  - an idempotency key that was sent again and again stands for one chat.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import with_services

LEASE = 3.0
USERS = 20
CLIENTS = 24
#: What the upstream does, how often it is asked to, and the reasons that may stand in the ledger for it.
SCRIPTS = {
    "whole": (40, {"CHAT_DONE"}),
    "slow": (15, {"CHAT_DONE"}),
    "stall": (8, {"CHAT_BROKEN_OFF"}),
    "mute": (8, {"CHAT_FAILED"}),
    "break": (12, {"CHAT_BROKEN_OFF"}),
    "refuse": (8, {"CHAT_FAILED"}),
    "garbage": (5, {"CHAT_FAILED"}),
    "empty": (4, {"CHAT_FAILED"}),
}
#: What a killed server or a client who stops may make of any of them.
ANYTIME = {"CHAT_INTERRUPTED", "CHAT_STOPPED"}


class Upstream:
    """An OpenAI-compatible service that does what the message says."""

    async def serve(self) -> int:
        server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
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

        async def gone() -> None:
            await reader.read()

        def piece(content: str, finish: str | None = None) -> str:
            choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
            return f"data: {json.dumps({'choices': [choice]})}\n\n"

        if script == "refuse":
            return await say("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
        await say("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        if script == "garbage":
            return await say("data: {]\n\n")
        if script == "mute":
            return await gone()
        if script != "empty":
            for number in range(random.randint(2, 12)):
                await say(piece(f"{message} {number} "))
                await asyncio.sleep(random.uniform(0.05, 0.3) if script == "slow" else random.uniform(0, 0.02))
        if script == "stall":
            return await gone()
        if script == "break":
            return
        await say(piece("", "stop"))
        if random.random() < 0.5:
            await say('data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":9}}\n\n')
        await say("data: [DONE]\n\n")


class Server:
    """Jeton, killed and started again and again on the same port and data."""

    def __init__(self, binary: str, data: Path, database: str, upstream: int) -> None:
        self.binary, self.port = binary, with_services.free_port()
        self.kills = 0
        config = data / "jeton.toml"
        config.write_text(
            f"""
            default_model = "flat"
            http.listen = "127.0.0.1:{self.port}"
            data.dir = "{data}"
            database.url = "{database}"
            auth.hashing_threads = 1
            ledger.signup_grant = 100000
            log.filter = "error"
            turns = {{ lease = "{LEASE:.0f}s", save_interval = "100ms", first_piece_timeout = "2s", piece_timeout = "2s" }}
            [models.flat]
            provider = "openai"
            base_url = "http://127.0.0.1:{upstream}/v1"
            upstream_model = "x"
            retries = 0
            price = {{ per_message = 100 }}
            [models.metered]
            provider = "openai"
            base_url = "http://127.0.0.1:{upstream}/v1"
            upstream_model = "x"
            retries = 0
            price = {{ per_1k_input = 10, per_1k_output = 30 }}
            """
        )
        self.command = [binary, "--config", str(config)]
        self.log = (data / "log").open("w")
        self.process: subprocess.Popen | None = None

    async def start(self) -> None:
        self.process = subprocess.Popen([*self.command, "serve"], stdout=self.log, stderr=self.log)
        for _ in range(600):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                return writer.close()
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"soak: the server does not start; see {self.log.name}")
                await asyncio.sleep(0.05)
        sys.exit("soak: the server does not listen")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.kills += 1

    def verify(self) -> tuple[bool, str]:
        done = subprocess.run([*self.command, "verify"], capture_output=True, text=True)
        return done.returncode == 0, done.stdout + done.stderr

    async def post(self, query: str, access: str | None, vanish: float | None = None, **variables: object) -> dict | None:
        """The data of an answer; nothing where the server died or the client went away first."""
        try:
            return await asyncio.wait_for(self.exchange(query, access, variables), vanish or 30)
        except (OSError, asyncio.TimeoutError, ValueError, IndexError):
            return None

    async def exchange(self, query: str, access: str | None, variables: dict) -> dict:
        body = json.dumps({"query": query, "variables": variables}).encode()
        authorization = f"Authorization: Bearer {access}\r\n" if access else ""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{authorization}"
            writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
            answer = await reader.read()
            return json.loads(answer.split(b"\r\n\r\n", 1)[1]).get("data")
        finally:
            writer.close()

    async def follow(self, chat: str, access: str, patience: float) -> str | None:
        """The kind of the end of a reply, unless the server dies or the client goes away first."""
        query = "subscription($id: ID!) { replyStream(chatId: $id) { __typename } }"
        body = json.dumps({"query": query, "variables": {"id": chat}}).encode()
        last = None
        try:
            async with asyncio.timeout(patience):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    head = "POST /graphql/stream HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    writer.write(f"{head}Authorization: Bearer {access}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                    while line := await reader.readline():
                        if line.startswith(b"event: complete"):
                            return last
                        if line.startswith(b"data: {"):
                            last = json.loads(line[6:])["data"]["replyStream"]["__typename"]
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError, TypeError, KeyError):
            pass
        return None


REGISTER = "mutation($n: String!) { register(input: {username: $n, password: \"seven-green-kites\"}) { accessToken } }"
SEND = """mutation($m: String!, $model: String!, $k: String!) { sendMessage(input: {message: $m, model: $model, idempotencyKey: $k})
    { chat { id status cost } errors { code } } }"""
START = """mutation($m: String!, $model: String!, $k: String!) { startMessage(input: {message: $m, model: $model, idempotencyKey: $k})
    { chat { id status } errors { code } } }"""
STOP = "mutation($id: ID!) { stopMessage(input: {chatId: $id}) { chat { id status cost } } }"
ENDS = {"ReplyFinished": {"DONE", "STOPPED"}, "ReplyFailed": {"FAILED", "INTERRUPTED"}}


class Soak:
    def __init__(self, server: Server, turns: int) -> None:
        self.server, self.left = server, turns
        self.seen: dict[str, set[str]] = {}  # key -> the statuses that a client was told as its end
        self.ids: dict[str, set[str]] = {}  # key -> the chats that answered it
        self.did: Counter[str] = Counter()

    async def client(self, access: list[str]) -> None:
        while self.left > 0:
            self.left -= 1
            turn = self.left
            script = random.choices(list(SCRIPTS), [weight for weight, _ in SCRIPTS.values()])[0]
            how = random.choices(["send", "vanish", "follow", "stop", "retry"], [30, 20, 25, 15, 10])[0]
            self.did[how] += 1
            said = {"m": f"{script} {turn}", "model": random.choice(["flat", "metered"]), "k": f"turn-{turn}"}
            await self.turn(how, access[turn % USERS], said)

    async def turn(self, how: str, access: str, said: dict) -> None:
        key, server = said["k"], self.server
        if how == "vanish":
            self.note(key, await server.post(SEND, access, random.uniform(0.005, 1.0), **said), "sendMessage")
        elif how == "send":
            # Until it is answered, by whichever life of the server.
            while (answer := await server.post(SEND, access, **said)) is None:
                await asyncio.sleep(0.2)
            self.note(key, answer, "sendMessage")
        elif how == "retry":
            answers = await asyncio.gather(*(server.post(SEND, access, **said) for _ in range(5)))
            for answer in answers:
                self.note(key, answer, "sendMessage")
        else:
            while (started := await server.post(START, access, **said)) is None:
                await asyncio.sleep(0.2)
            self.note(key, started, "startMessage")
            chat = ((started or {}).get("startMessage") or {}).get("chat")
            if chat and how == "follow":
                end = await server.follow(chat["id"], access, random.choice([0.3, 1.0, 30, 30]))
                if end in ENDS:
                    self.seen.setdefault(key, set()).update({"/".join(sorted(ENDS[end]))})
            elif chat:
                await asyncio.sleep(random.uniform(0, 0.6))
                self.note(key, await server.post(STOP, access, id=chat["id"]), "stopMessage")

    def note(self, key: str, answer: dict | None, field: str) -> None:
        chat = ((answer or {}).get(field) or {}).get("chat")
        if chat:
            self.ids.setdefault(key, set()).add(chat["id"])
            if chat["status"] != "PENDING":
                self.seen.setdefault(key, set()).add(chat["status"])

    async def killer(self, every: float) -> None:
        while self.left > 0:
            await asyncio.sleep(random.uniform(0.5, 1.5) * every)
            self.server.kill()
            await self.server.start()


def rows(database: str, query: str) -> list[tuple]:
    """What a query finds, by the database's own means."""
    if database.startswith("sqlite://"):
        with sqlite3.connect(database.removeprefix("sqlite://")) as connection:
            return connection.execute(query).fetchall()
    psql = with_services.postgres_binaries() / "psql"
    out = subprocess.run([psql, database, "-AtF\t", "-c", query], capture_output=True, text=True, check=True).stdout
    return [tuple(line.split("\t")) for line in out.splitlines()]


def check(database: str, soak: Soak) -> list[str]:
    wrong = []
    chats = rows(
        database,
        """SELECT chat.idempotency_key, chat.status, chat.message, chat.response, chat.cost, chat.model, entry.reason
           FROM chat LEFT JOIN ledger_entry AS entry ON entry.chat_id = chat.id""",
    )
    by_key = {}
    for key, status, message, response, cost, model, reason in chats:
        if key in by_key:
            wrong.append(f"{key}: more than one chat")
        by_key[key] = status
        script = message.split()[0]
        if status == "PENDING":
            wrong.append(f"{key}: still PENDING, longer than its lease")
        elif reason not in SCRIPTS[script][1] | ANYTIME:
            wrong.append(f"{key}: {script} ended as {reason}")
        if int(cost) > 0 and not response:
            wrong.append(f"{key}: costs {cost} for no text")
        if model == "flat" and int(cost) != (100 if reason in ("CHAT_DONE",) or reason == "CHAT_STOPPED" and response else 0):
            wrong.append(f"{key}: {reason} costs {cost} at a flat price")
    for key, statuses in soak.seen.items():
        for status in statuses:
            if by_key.get(key) not in status.split("/"):
                wrong.append(f"{key}: a client was told {status}, the database says {by_key.get(key)}")
    wrong += [f"{key}: answered by {len(ids)} chats" for key, ids in soak.ids.items() if len(ids) > 1]
    held = rows(database, 'SELECT sum(held) FROM "user"')[0][0]
    if int(held or 0) != 0:
        wrong.append(f"{held} tokens are still held")
    return wrong


async def run(binary: str, turns: int, every: float, database: str, data: Path) -> bool:
    start = time.monotonic()
    server = Server(binary, data, database, await Upstream().serve())
    await server.start()
    names = [await server.post(REGISTER, None, n=f"user{number}") for number in range(USERS)]
    access = [answer["register"]["accessToken"] for answer in names]
    soak = Soak(server, turns)
    killer = asyncio.create_task(soak.killer(every))
    await asyncio.gather(*(soak.client(access) for _ in range(CLIENTS)))
    await killer
    took = time.monotonic() - start
    # The last turns end by themselves, and the sweeper ends what the last kill left behind.
    await asyncio.sleep(LEASE * 2 + 4)
    clean, told = server.verify()
    wrong = check(database, soak)
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(30)
    kind = database.split(":")[0]
    ends = Counter(reason for (reason,) in rows(database, "SELECT reason FROM ledger_entry WHERE chat_id IS NOT NULL"))
    stored = rows(database, "SELECT count(*) FROM chat")[0][0]
    print(f"{kind}: {turns} turns in {took:.0f} s, {server.kills} kills, {stored} chats stored, clients {dict(soak.did)}")
    print(f"{kind}: ledger {dict(sorted(ends.items()))}")
    print(f"{kind}: verify {'clean' if clean else 'NOT CLEAN: ' + told}; {len(wrong)} contradictions", flush=True)
    for line in wrong[:20]:
        print(f"  {line}")
    return clean and not wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=1000)
    parser.add_argument("--kill-every", type=float, default=3.0, help="seconds between kills, on average")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--binary", default=os.environ.get("JETON_TEST_BINARY", "target/debug/jeton"))
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    fine = True
    with with_services.started() as services:
        databases = ["sqlite"]
        if services.postgres.available:
            databases.append(services.environment["JETON_TEST_POSTGRES"])
        else:
            print(f"PostgreSQL: {services.postgres}")
        for database in databases:
            random.seed(seed)
            data = Path(tempfile.mkdtemp(prefix="jeton-soak-"))
            url = f"sqlite://{data}/jeton.db" if database == "sqlite" else database
            passed = asyncio.run(run(options.binary, options.turns, options.kill_every, url, data))
            if passed:
                shutil.rmtree(data)
            else:
                print(f"  its data and log are kept in {data}")
            fine &= passed
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
