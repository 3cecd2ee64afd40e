#!/usr/bin/env python3
"""Three servers behind nginx, 500 users, and everything is killed and started again: who loses what?

    python3 tests/system/cluster_test.py [--minutes 5] [--binary target/debug/jeton]        the same as `make cluster-test`

Starts PostgreSQL, Redis, nginx and three servers on free ports; all of it is thrown away. Users send by REST and GraphQL,
follow streams over Server-Sent Events, and call /v1, each message with an idempotency key; where an answer is cut off,
they retry with the same key, or resume the stream behind what they have, at whichever server nginx leads them to.

First the servers are restarted one by one, as a new version is rolled out, which must lose no answer. Then, until the
end, they are killed (-9) one by one; Redis is killed twice and PostgreSQL once. At the end:

  - every balance is the start minus the answers, by the ledger and by what the users saw; `jeton verify` is clean;
  - every message was answered exactly once, by one chat for each key, and with the text that the model wrote;
  - every stream had each part once and in order.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import harness

import with_services

SERVERS = 3
GRANT = 1_000_000
PRICE = 100
#: Longer than a save may wait on a machine that has far too much to do: else living turns are taken for dead.
LEASE = 20.0
#: How long a user retries after the time is over, in seconds.
RETRY_TIMEOUT = 90.0
#: How users send, and how often each.
KINDS = {"rest": 20, "graphql": 20, "stream": 40, "v1": 20}

SEND = """mutation($m: String!, $model: String!, $k: String!) { sendMessage(input: {message: $m, model: $model, idempotencyKey: $k})
    { chat { id status response } errors { code } } }"""
FOLLOW = """subscription($id: ID!, $after: Int) { replyStream(chatId: $id, after: $after) { __typename
    ... on ReplyDelta { seq offset text } ... on ReplyFinished { chat { status response } }
    ... on ReplyFailed { chat { status response } } } }"""
KEY = 'mutation { createApiKey(input: {name: "cluster", scopes: [COMPLETIONS]}) { secret } }'

NGINX = """
worker_processes 1;
worker_rlimit_nofile 16384;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
{user}
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    upstream jeton {{
        {servers}
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        client_max_body_size 20m;
        location / {{
            proxy_pass http://jeton;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            # Chunks of streams are passed on at once.
            proxy_buffering off;
            proxy_read_timeout 1h;
            proxy_connect_timeout 2s;
            # The next server is tried where this one did not take the connection. A request that was sent is not
            # repeated: the client has an idempotency key, and decides.
            proxy_next_upstream error timeout;
            add_header X-Server $upstream_addr always;
        }}
    }}
}}
"""


class Broken(Exception):
    """An answer that did not come, or was cut off: to be retried."""


class Book:
    """What the users saw."""

    def __init__(self) -> None:
        self.ends: dict[str, tuple[str, str]] = {}  # key -> how its chat ended, and its text
        self.answered: Counter[str] = Counter()  # message -> how many answers
        self.kinds: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.retried: set[str] = set()
        self.resumed = self.resumed_elsewhere = 0
        self.first_parts: list[float] = []

    def failed(self, error: BaseException) -> None:
        self.failures[str(error) if isinstance(error, Broken) else type(error).__name__] += 1


class User:
    def __init__(self, number: int, port: int, book: Book) -> None:
        self.name, self.port, self.book = f"user{number}", port, book
        self.numbers = itertools.count()
        self.access = self.key = ""

    async def register(self) -> None:
        answer = await harness.graphql(self.port, harness.REGISTER, None, {"n": self.name})
        self.access = answer["data"]["register"]["accessToken"]
        self.key = (await harness.graphql(self.port, KEY, self.access, {}))["data"]["createApiKey"]["secret"]

    async def live(self, end: float, think: float) -> None:
        await asyncio.sleep(random.uniform(0, think))
        while time.monotonic() < end:
            await self.say(random.choices(list(KINDS), list(KINDS.values()))[0], end + RETRY_TIMEOUT)
            await asyncio.sleep(random.uniform(0.2, 2) * think)

    async def say(self, kind: str, deadline: float) -> None:
        """Sends a message, and again, until it is answered."""
        message = f"{'slower' if kind == 'stream' else 'slow'} {self.name} {next(self.numbers)}"
        for attempt in itertools.count():
            key = f"{message}/{attempt}".replace(" ", "-")
            status, text = await self.until_it_ends(kind, message, key, deadline)
            if status == "given up":
                self.book.wrong.append(f"{key}: not answered in time")
                return
            self.book.ends[key] = (status, text)
            if status == "DONE":
                self.book.answered[message] += 1
                self.book.kinds[kind] += 1
                if text != whole(message, text):
                    self.book.wrong.append(f"{key}: the answer is {text!r}")
                return

    async def until_it_ends(self, kind: str, message: str, key: str, deadline: float) -> tuple[str, str]:
        """How the chat of this key ended: retried with the same key."""
        follower = Follower(self, message, key)
        while time.monotonic() < deadline:
            try:
                async with asyncio.timeout(60):
                    match kind:
                        case "rest":
                            return await self.rest(message, key)
                        case "graphql":
                            return await self.graphql(message, key)
                        case "v1":
                            return await self.v1(message, key)
                        case _:
                            return await follower.follow()
            except (OSError, EOFError, TimeoutError, ValueError, Broken) as error:
                self.book.failed(error)
                self.book.retried.add(key)
                await asyncio.sleep(random.uniform(0.2, 0.8))
        return "given up", ""

    async def rest(self, message: str, key: str) -> tuple[str, str]:
        with await harness.post(self.port, "/api/chat/", {"message": message}, self.access, Idempotency_Key=key) as answer:
            body = (await answer.reader.read()).decode()
        if answer.status == 200:
            return "DONE", json.loads(body)["response"]
        if "The server stopped before" in body:
            return "INTERRUPTED", ""
        raise Broken(f"rest {answer.status}")

    async def graphql(self, message: str, key: str) -> tuple[str, str]:
        said = {"m": message, "model": "slow", "k": key}
        data = (await harness.graphql(self.port, SEND, self.access, said)).get("data")
        chat = ((data or {}).get("sendMessage") or {}).get("chat")
        if not chat or chat["status"] == "PENDING":
            raise Broken("graphql: an error")
        return chat["status"], chat["response"]

    async def v1(self, message: str, key: str) -> tuple[str, str]:
        body = {"model": "slow", "stream": True, "messages": [{"role": "user", "content": message}]}
        text = ""
        with await harness.post(self.port, "/v1/chat/completions", body, self.key, Idempotency_Key=key) as answer:
            if answer.status != 200:
                # 409: it is made elsewhere, or was interrupted there. Both have an end.
                raise Broken(f"v1 {answer.status}")
            async for event in harness.events(answer):
                if event == "[DONE]":
                    return "DONE", text
                part = json.loads(event)
                if "error" in part:
                    raise Broken("v1: an error in the stream")
                for choice in part["choices"]:
                    text += choice["delta"].get("content") or ""
        raise Broken("v1: cut off")


class Follower:
    """Starts a message and follows its reply, from where it was cut off."""

    def __init__(self, user: User, message: str, key: str) -> None:
        self.user, self.message, self.key = user, message, key
        self.chat: str | None = None
        self.server: str | None = None
        self.text = ""
        self.began = time.monotonic()
        # Some go into a tunnel on their way.
        self.tunnel = random.randint(1, 4) if random.random() < 0.3 else None

    async def follow(self) -> tuple[str, str]:
        user, book = self.user, self.user.book
        if not self.chat:
            said = {"m": self.message, "model": "slow", "k": self.key}
            data = (await harness.graphql(user.port, harness.START, user.access, said)).get("data")
            chat = ((data or {}).get("startMessage") or {}).get("chat")
            if not chat:
                raise Broken("start: an error")
            self.chat = chat["id"]
        position = len(self.text)
        with await harness.subscribe(user.port, FOLLOW, user.access, {"id": self.chat, "after": position}) as answer:
            if answer.status != 200:
                raise Broken(f"stream {answer.status}")
            server = answer.headers["x-server"].split(", ")[-1]
            if position:
                book.resumed += 1
                book.resumed_elsewhere += server != self.server
            self.server = server
            async for event in harness.events(answer):
                if event == "complete":
                    break
                data = json.loads(event).get("data")
                if not data:
                    raise Broken("stream: an error")
                told = data["replyStream"]
                if told["__typename"] == "ReplyDelta":
                    if not self.text:
                        book.first_parts.append(time.monotonic() - self.began)
                    if told["offset"] != len(self.text):
                        book.wrong.append(f"{self.key}: a part at {told['offset']}, not at {len(self.text)}")
                    self.text += told["text"]
                    if self.tunnel:
                        self.tunnel -= 1
                        if not self.tunnel:
                            raise Broken("stream: the client was in a tunnel")
                    continue
                status, response = told["chat"]["status"], told["chat"]["response"]
                if status == "DONE" and response != self.text:
                    book.wrong.append(f"{self.key}: followed {self.text!r}, stored {response!r}")
                if not (self.text.startswith(response) or response.startswith(self.text)):
                    book.wrong.append(f"{self.key}: followed {self.text!r}, kept {response!r}")
                return status, response
        raise Broken("stream: cut off")


def whole(message: str, text: str) -> str:
    """The model's answer to this message, with as many chunks as the text has."""
    return "".join(f"{message} {number} " for number in range(max(2, text.count(message))))


class Cluster:
    def __init__(self, binary: str, folder: Path, postgres: with_services.Postgres, upstream: int) -> None:
        self.postgres = postgres
        self.redis_program, self.redis_port = with_services.redis_binary(), with_services.free_port()
        self.redis = with_services.start_redis(self.redis_program, self.redis_port)
        self.kills: Counter[str] = Counter()
        settings = f"""
            default_model = "slow"
            database.url = "{postgres.url}"
            cluster.redis = "redis://127.0.0.1:{self.redis_port}"
            auth = {{ secret = "{os.urandom(32).hex()}", hashing_threads = 1 }}
            http.trusted_proxies = ["127.0.0.0/8"]
            http.shutdown_delay = "1s"
            ledger.signup_grant = {GRANT}
            limits.registrations_per_hour_per_address = 0
            log.filter = "warn"
            turns.lease = "{LEASE:.0f}s"
            v1.store_api_messages = true
            [models.slow]
            provider = "openai"
            base_url = "http://127.0.0.1:{upstream}/v1"
            upstream_model = "x"
            price = {{ per_message = {PRICE} }}
            """
        self.servers = []
        for number in range(SERVERS):
            data = folder / f"server{number}"
            data.mkdir()
            self.servers.append(harness.Server(binary, data, settings))
        self.port = with_services.free_port()
        self.nginx = self.start_nginx(folder)

    def start_nginx(self, folder: Path) -> subprocess.Popen:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
        if not program:
            sys.exit("cluster_test: nginx is not installed (Debian: nginx-light)")
        servers = "\n".join(f"server 127.0.0.1:{server.port} max_fails=1 fail_timeout=1s;" for server in self.servers)
        user = "user root;" if os.geteuid() == 0 else ""
        path = folder / "nginx.conf"
        path.write_text(NGINX.format(folder=folder, port=self.port, servers=servers, user=user))
        log = (folder / "nginx.log").open("w")
        return subprocess.Popen([program, "-c", path, "-p", folder], stdout=log, stderr=log, start_new_session=True)

    def stop(self) -> None:
        # Its worker goes with it, unless it is killed.
        self.nginx.terminate()
        self.nginx.wait()
        for process in [self.redis, *(server.process for server in self.servers)]:
            if process and process.poll() is None:
                process.kill()
                process.wait()

    async def start(self) -> None:
        # The first one makes the schema; the others would wait for it.
        for server in self.servers:
            await server.start()

    async def roll(self, until: float) -> None:
        """Restarts the servers one by one, as often as there is time for it, at least once."""
        while True:
            for server in self.servers:
                await asyncio.sleep(1)
                server.running.send_signal(signal.SIGTERM)
                if await asyncio.to_thread(server.running.wait) != 0:
                    sys.exit(f"cluster_test: a server did not stop well; see {server.log.name}")
                await server.start()
                self.kills["rolled"] += 1
            if time.monotonic() > until:
                return

    async def havoc(self, start: float, end: float) -> None:
        """Kills servers until the end, Redis twice and PostgreSQL once meanwhile."""
        length = end - start
        others = [(start + length * at, what) for at, what in [(0.2, "redis"), (0.5, "postgres"), (0.8, "redis")]]
        for server in itertools.cycle(self.servers):
            if time.monotonic() > end:
                return
            server.kill()
            self.kills["server"] += 1
            await asyncio.sleep(random.uniform(0.2, 1))
            await server.start()
            if others and time.monotonic() > others[0][0]:
                what = others.pop(0)[1]
                self.kills[what] += 1
                await (self.restart_redis() if what == "redis" else self.restart_postgres())
            await asyncio.sleep(random.uniform(4, 9))

    async def restart_redis(self) -> None:
        self.redis.kill()
        self.redis.wait()
        await asyncio.sleep(3)
        self.redis = await asyncio.to_thread(with_services.start_redis, self.redis_program, self.redis_port)

    async def restart_postgres(self) -> None:
        await asyncio.to_thread(self.postgres.kill)
        await asyncio.sleep(1)
        await asyncio.to_thread(self.postgres.start)

    async def say_hello(self, access: str) -> None:
        """A WebSocket goes through nginx, and a server is ready."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            "GET /graphql/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"
            f"Authorization: Bearer {access}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        # A masked frame of text, whose mask is zero.
        init = b'{"type":"connection_init"}'
        writer.write(bytes([0x81, 0x80 | len(init), 0, 0, 0, 0]) + init)
        frame = await asyncio.wait_for(reader.readexactly(2), 20)
        answer = await reader.readexactly(frame[1])
        writer.close()
        if b" 101 " not in head or b"connection_ack" not in answer:
            sys.exit(f"cluster_test: no WebSocket through nginx: {head!r} {answer!r}")


def check(database: str, book: Book) -> tuple[list[str], Counter[str]]:
    wrong: list[str] = list(book.wrong)
    facts: Counter[str] = Counter()
    chats = harness.rows(database, "SELECT idempotency_key, status, response FROM chat WHERE idempotency_key IS NOT NULL")
    by_key: dict[str, tuple[str, str]] = {}
    for key, status, response in chats:
        if key in by_key:
            wrong.append(f"{key}: more than one chat")
        by_key[key] = (status, response)
    for key, (status, text) in book.ends.items():
        stored = by_key.get(key)
        if stored is None or stored[0] != status or (status == "DONE" and stored[1] != text):
            wrong.append(f"{key}: seen as {status} {text!r}, stored as {stored}")
    wrong += [f"{message}: answered {count} times" for message, count in book.answered.items() if count != 1]
    done = Counter(key.split("-")[1] for key, (status, _) in book.ends.items() if status == "DONE")
    users = harness.rows(
        database,
        """SELECT username, tokens, held, (SELECT sum(amount) FROM ledger_entry WHERE wallet_id = wallet.id),
           (SELECT count(*) FROM chat WHERE user_id = "user".id AND status = 'DONE')
           FROM "user" JOIN wallet ON wallet.user_id = "user".id """,
    )
    for name, tokens, held, entries, stored in users:
        seen = GRANT - PRICE * done[name]
        if not int(tokens) == int(entries) == seen == GRANT - PRICE * int(stored) or int(held):
            wrong.append(f"{name}: has {tokens} ({held} held), ledger {entries}, {stored} answers; saw {seen}")
            facts["wrong balances"] += 1
    facts["users"] = len(users)
    for status, count in harness.rows(database, "SELECT status, count(*) FROM chat GROUP BY status"):
        facts[f"chats {status}"] = int(count)
        if status not in ("DONE", "INTERRUPTED"):
            wrong.append(f"{count} chats are {status}")
    return wrong, facts


async def run(options: argparse.Namespace, folder: Path, postgres: with_services.Postgres, stack: ExitStack) -> bool:
    cluster = Cluster(options.binary, folder, postgres, await harness.Upstream().serve())
    stack.callback(cluster.stop)
    await cluster.start()
    book, places = Book(), asyncio.Semaphore(24)
    users = [User(number, cluster.port, book) for number in range(options.users)]

    async def register(user: User) -> None:
        async with places:
            await user.register()

    begun = time.monotonic()
    await asyncio.gather(*(register(user) for user in users))
    await cluster.say_hello(users[0].access)
    print(f"{len(users)} users have registered in {time.monotonic() - begun:.0f} s", flush=True)
    start = time.monotonic()
    end = start + options.minutes * 60
    living = [asyncio.create_task(user.live(end, options.think)) for user in users]
    await asyncio.sleep(5)
    await cluster.roll(start + (end - start) * 0.25)
    lost = int(harness.rows(postgres.url, "SELECT count(*) FROM chat WHERE status <> 'DONE' AND status <> 'PENDING'")[0][0])
    print(f"rolled {cluster.kills['rolled']} restarts in {time.monotonic() - start:.0f} s: {lost} answers lost", flush=True)
    if lost:
        book.wrong.append(f"{lost} answers were lost while restarts were rolled")
    await cluster.havoc(time.monotonic(), end)
    await asyncio.gather(*living)
    took = time.monotonic() - start
    # What the last kill left behind is swept.
    await asyncio.sleep(LEASE * 2 + 2)
    clean, told = cluster.servers[0].verify()
    wrong, facts = check(postgres.url, book)
    answers, tries = sum(book.kinds.values()), len(book.ends)
    seconds = sorted(book.first_parts) or [0.0]
    print(f"{answers} messages answered in {took:.0f} s ({answers / took:.0f} a second) {dict(book.kinds)}, {tries} chats")
    print(f"restarts: {dict(cluster.kills)}; what clients met: {dict(book.failures.most_common())}")
    done = sum(book.ends[key][0] == "DONE" for key in book.retried if key in book.ends)
    print(f"{len(book.retried)} keys were sent again; {done} of them have their answer, once")
    print(f"{book.resumed} streams resumed, {book.resumed_elsewhere} of them on another server")
    print(f"first part of a stream: median {statistics.median(seconds):.2f} s, 99th percentile {seconds[int(len(seconds) * 0.99)]:.2f} s")
    print(f"database: {dict(facts)}; {facts['wrong balances']} wrong balances")
    print(f"verify {'clean' if clean else 'NOT CLEAN: ' + told}; {len(wrong)} contradictions", flush=True)
    for line in wrong[:20]:
        print(f"  {line}")
    return clean and not wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--think", type=float, default=14.0, help="seconds between two messages of a user, about")
    parser.add_argument("--binary", default=os.environ.get("JETON_TEST_BINARY", "target/debug/jeton"))
    options = parser.parse_args()
    for number in with_services.SIGNALS:
        signal.signal(number, with_services.leave)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 16384), most))
    folder = Path(tempfile.mkdtemp(prefix="jeton-cluster-"))
    try:
        with ExitStack() as stack:
            # A commit that was answered is in its log, so that nothing is forgiven when it is killed.
            postgres = stack.enter_context(with_services.postgres(synchronous_commit="on", full_page_writes="on"))
            fine = asyncio.run(run(options, folder, postgres, stack))
    except with_services.Unavailable as missing:
        sys.exit(f"cluster_test: {missing}")
    if fine:
        shutil.rmtree(folder)
    else:
        print(f"  configurations and logs are kept in {folder}")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
