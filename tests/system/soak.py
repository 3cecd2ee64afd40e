#!/usr/bin/env python3
"""Soak: many turns through a real server whose model fails, whose clients vanish, and which is killed repeatedly.

    python3 tests/system/soak.py [--turns 1000] [--binary target/debug/jeton]        the same as `make soak`

A scripted upstream (an OpenAI-compatible service in this process) answers, stalls, is cut off, errs or says nothing, as
each message asks it to. Clients send, follow, stop, retry and vanish at random moments, and every few seconds the server
is killed with SIGKILL and started again. At the end, on SQLite and on PostgreSQL:

  - `jeton verify` is clean, and nothing is held;
  - no chat is PENDING for longer than its lease;
  - every chat whose end a client saw has that end, and the ledger's reason fits what the script did;
  - an idempotency key that was sent repeatedly stands for one chat.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import harness

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
    # Where the upstream reports an output, it has thought in secret, and bills it.
    "empty": (4, {"CHAT_FAILED", "CHAT_BROKEN_OFF"}),
}
#: What a killed server or a client who stops may make of any of them.
ANYTIME = {"CHAT_INTERRUPTED", "CHAT_STOPPED"}


class Server(harness.Server):
    """The server, as clients see it that may vanish."""

    def __init__(self, binary: str, data: Path, database: str, upstream: int) -> None:
        model = f"""
            provider = "openai"
            base_url = "http://127.0.0.1:{upstream}/v1"
            upstream_model = "x"
            max_retries = 0
            """
        settings = f"""
            default_model = "flat"
            database.url = "{database}"
            auth.hashing_threads = 1
            limits.registrations_per_hour_per_address = 0
            ledger.signup_grant = 100000
            log.filter = "error"
            turns = {{ lease = "{LEASE:.0f}s", save_interval = "100ms", first_chunk_timeout = "2s", chunk_timeout = "2s" }}
            [models.flat]{model}
            price = {{ per_message = 100 }}
            [models.metered]{model}
            price = {{ per_million_input = 10000, per_million_output = 30000 }}
            """
        super().__init__(binary, data, settings)

    async def post(self, query: str, access: str | None, vanish: float | None = None, **variables: object) -> dict | None:
        """The data of an answer; nothing where the server died or the client went away first."""
        try:
            asking = harness.graphql(self.port, query, access, variables)
            return (await asyncio.wait_for(asking, vanish or 30)).get("data")
        except (OSError, EOFError, TimeoutError, ValueError):
            return None

    async def follow(self, chat: str, access: str, timeout: float) -> str | None:
        """The kind of the end of a reply, unless the server dies or the client goes away first."""
        query = "subscription($id: ID!) { replyStream(chatId: $id) { __typename } }"
        last = None
        try:
            async with asyncio.timeout(timeout):
                with await harness.subscribe(self.port, query, access, {"id": chat}) as answer:
                    async for event in harness.events(answer):
                        if event == "complete":
                            return last
                        last = json.loads(event)["data"]["replyStream"]["__typename"]
        except (OSError, EOFError, TimeoutError, ValueError, TypeError, KeyError):
            pass
        return None


SEND = """mutation($m: String!, $model: String!, $k: String!) { sendMessage(input: {message: $m, model: $model, idempotencyKey: $k})
    { chat { id status cost } errors { code } } }"""
STOP = "mutation($id: ID!) { stopMessage(input: {chatId: $id}) { chat { id status cost } } }"
ENDS = {"ReplyFinished": {"DONE", "STOPPED"}, "ReplyFailed": {"FAILED", "INTERRUPTED"}}


class Soak:
    def __init__(self, server: Server, turns: int) -> None:
        self.server, self.left = server, turns
        self.seen: dict[str, set[str]] = {}  # key -> the final statuses that clients received
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
            while (started := await server.post(harness.START, access, **said)) is None:
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


def check(database: str, soak: Soak) -> list[str]:
    wrong = []
    chats = harness.rows(
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
        is_billed = model == "metered" and (reason == "CHAT_STOPPED" or (script == "empty" and reason == "CHAT_BROKEN_OFF"))
        if int(cost) > 0 and not response and not is_billed:
            wrong.append(f"{key}: costs {cost} for no text")
        if model == "flat" and int(cost) != (100 if reason == "CHAT_DONE" or (reason == "CHAT_STOPPED" and response) else 0):
            wrong.append(f"{key}: {reason} costs {cost} at a flat price")
    for key, statuses in soak.seen.items():
        stored = by_key.get(key)
        others = [status for status in statuses if stored not in status.split("/")]
        wrong += [f"{key}: a client received {status}, the database has {stored}" for status in others]
    wrong += [f"{key}: answered by {len(ids)} chats" for key, ids in soak.ids.items() if len(ids) > 1]
    held = harness.rows(database, 'SELECT sum(held) FROM "user"')[0][0]
    if int(held or 0) != 0:
        wrong.append(f"{held} tokens are still held")
    return wrong


async def run(binary: str, turns: int, every: float, database: str, data: Path) -> bool:
    start = time.monotonic()
    server = Server(binary, data, database, await harness.Upstream().serve())
    await server.start()
    access = []
    for number in range(USERS):
        answer = await server.post(harness.REGISTER, None, n=f"user{number}")
        if answer is None:
            sys.exit("soak: a user could not register")
        access.append(answer["register"]["accessToken"])
    soak = Soak(server, turns)
    killer = asyncio.create_task(soak.killer(every))
    await asyncio.gather(*(soak.client(access) for _ in range(CLIENTS)))
    await killer
    took = time.monotonic() - start
    # The last turns end by themselves, and the sweeper ends what the last kill left behind.
    await asyncio.sleep(LEASE * 2 + 4)
    clean, told = server.verify()
    wrong = check(database, soak)
    server.running.send_signal(signal.SIGTERM)
    server.running.wait(30)
    kind = database.split(":")[0]
    ends = Counter(reason for (reason,) in harness.rows(database, "SELECT reason FROM ledger_entry WHERE chat_id IS NOT NULL"))
    stored = harness.rows(database, "SELECT count(*) FROM chat")[0][0]
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
