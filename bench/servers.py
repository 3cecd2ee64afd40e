"""The servers: Jeton, the floor, the mock upstream and PostgreSQL, each on a free port with a fresh data directory."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import with_services  # noqa: E402

TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
BENCH = TARGET / "bench"
USERS = 1000
GRANT = 10**12

# What bounds one user or one address is lifted, since all the load comes from one address and as few users; the rest is
# as it comes. The price of the metered model makes each message cost about as much as the flat one's.
CONFIG = """
default_model = "echo"
http.listen = "127.0.0.1:{port}"
http.max_connections = 20000
http.max_connections_per_address = 20000
data.dir = "."
database.url = "{database}"
auth.secret = "a signing key for a bench, and for a bench only"
auth.access_ttl = "30d"
auth.refresh_ttl = "30d"
ledger.signup_grant = {grant}
ollama.detect = false
turns.open_per_user = 20000
turns.open_per_server = 20000
limits.messages_per_minute_per_user = 0
limits.messages_per_minute_per_key = 0
limits.registrations_per_hour_per_address = 0
limits.refreshes_per_minute_per_address = 0
graphql.streams_per_user = 20000
{settings}
[models.flat]
provider = "openai"
base_url = "http://127.0.0.1:{mock}/v1"
upstream_model = "mock"
price = {{ per_message = 100 }}
[models.metered]
provider = "openai"
base_url = "http://127.0.0.1:{mock}/v1"
upstream_model = "mock"
price = {{ per_million_input = 5000000, per_million_output = 5000000 }}
max_output = 256
"""

REGISTER = 'mutation($n: String!) { register(input: {username: $n, password: "seven-green-kites"}) { accessToken } }'
KEY = 'mutation { createApiKey(input: {name: "bench"}) { secret } }'


@dataclass
class User:
    """One of the bench's users."""

    name: str
    access: str
    key: str


@dataclass
class Jeton:
    """A running Jeton."""

    port: int
    pid: int
    directory: Path
    users: list[User]

    def stored(self) -> int:
        """Messages that are stored as answered, where the database is SQLite."""
        with sqlite3.connect(f"file:{self.directory}/jeton.db?mode=ro", uri=True) as database:
            return database.execute("SELECT count(*) FROM chat WHERE status = 'DONE'").fetchone()[0]


@contextmanager
def directory() -> Iterator[Path]:
    """A fresh one on the disk of the build (`/tmp` may be kept in memory, where nothing waits for a disk)."""
    BENCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=BENCH) as name:
        yield Path(name)


@contextmanager
def started(command: list[object], port: int, where: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that listens; stopped in the end."""
    log = where / "log"
    with log.open("ab") as output:
        server = subprocess.Popen([str(part) for part in command], cwd=where, stdout=output, stderr=output)
    try:
        await_listening(server, str(command[0]), port, log)
        yield server
    finally:
        server.terminate()
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def await_listening(server: subprocess.Popen[bytes], name: str, port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: {name} does not listen:\n{log.read_text()}")
            time.sleep(0.0005)


@contextmanager
def floor(binary: Path) -> Iterator[tuple[int, int]]:
    """The hand-written floor, on a database that this Jeton has made: its port and process."""
    port = with_services.free_port()
    with directory() as where:
        copy_of_users(binary, where)
        configure(where)
        subprocess.run([binary, "--config", "jeton.toml", "migrate"], cwd=where, stdout=subprocess.DEVNULL, check=True)
        command = [TARGET / "release/floor", "--listen", f"127.0.0.1:{port}", "--database", where / "jeton.db"]
        with started(command, port, where) as server:
            yield port, server.pid


@contextmanager
def mock(*pace: object) -> Iterator[tuple[int, int]]:
    """The mock upstream: its port and process. A peer is configured with MOCK_PORT before it is measured."""
    port = int(os.environ.get("MOCK_PORT") or with_services.free_port())
    with directory() as where, started([TARGET / "release/mock", "--listen", f"127.0.0.1:{port}", *pace], port, where) as server:
        yield port, server.pid


@contextmanager
def jeton(binary: Path, mock: int = 9, database: str = "", settings: str = "") -> Iterator[Jeton]:
    """Jeton with the bench's users, on SQLite or on the (empty) database named."""
    with directory() as where:
        if not database:
            users = copy_of_users(binary, where)
        with serving(binary, where, mock, database, settings) as (port, pid):
            if database:
                users = register(port)
            yield Jeton(port, pid, where, users)


@contextmanager
def serving(binary: Path, where: Path, mock: int = 9, database: str = "", settings: str = "") -> Iterator[tuple[int, int]]:
    """Jeton in this directory: its port and process."""
    port = with_services.free_port()
    configure(where, port, mock, database, settings)
    with started([binary, "--config", "jeton.toml", "serve"], port, where) as server:
        yield port, server.pid


def configure(where: Path, port: int = 0, mock: int = 9, database: str = "", settings: str = "") -> None:
    configured = CONFIG.format(port=port, mock=mock, database=database, grant=GRANT, settings=settings)
    (where / "jeton.toml").write_text(configured)


def copy_of_users(binary: Path, into: Path) -> list[User]:
    """A database with nothing but the users. They are registered once for each schema: a thousand password hashes take
    half a minute."""
    place = kept(f"users-{USERS}")
    if not (place / "users.json").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        with serving(binary, place) as (port, _):
            users = register(port)
        (place / "users.json").write_text(json.dumps([vars(user) for user in users]))
    for file in place.glob("jeton.db*"):
        shutil.copy(file, into)
    return [User(**user) for user in json.loads((place / "users.json").read_text())]


def kept(name: str) -> Path:
    """Where something is kept that takes long to make: another place for each schema."""
    schema = sha256(b"".join(file.read_bytes() for file in sorted((ROOT / "migration/src").glob("*.rs"))))
    return BENCH / f"{name}-{schema.hexdigest()[:12]}"


def register(port: int) -> list[User]:
    """The bench's users, each with an access token and an API key."""
    print(f"registering {USERS} users ..", file=sys.stderr, flush=True)
    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(lambda number: register_one(port, f"user{number}"), range(USERS)))


def register_one(port: int, name: str) -> User:
    access = ask(port, REGISTER, n=name)["register"]["accessToken"]
    return User(name, access, ask(port, KEY, access)["createApiKey"]["secret"])


def ask(port: int, query: str, access: str | None = None, **variables: object) -> dict:
    """The data of one GraphQL answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {access}"} if access else {})
    connection.request("POST", "/graphql", json.dumps({"query": query, "variables": variables}), headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    if answer.get("errors"):
        sys.exit(f"bench: {query}: {answer['errors']}")
    return answer["data"]
