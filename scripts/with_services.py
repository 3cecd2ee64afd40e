#!/usr/bin/env python3
"""Run a command with what Jeton's tests need around them: throw-away PostgreSQL and Redis servers, and the small model.

    python3 scripts/with_services.py -- COMMAND [ARGUMENT ...]

The command finds them in its environment:

    JETON_TEST_POSTGRES   postgres://... of a superuser who may create databases
    JETON_TEST_REDIS      redis://... of a server that may be written to; redis-server is on PATH then, too
    JETON_TEST_PGBOUNCER  path of PgBouncer, a pooler of connections to PostgreSQL
    JETON_TEST_MODEL      path of the model file

A variable that is already set is left alone, so a server of one's own can stand in. What can't be had here
(PostgreSQL, Redis or PgBouncer isn't installed, the model can't be downloaded) is named and skipped; with CI=true that is an
error, and so is, anywhere, one that is installed and does not start.
The servers and their files are deleted when the command ends, however it ends.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypedDict

import fetch_model

STRICT = os.environ.get("CI") == "true"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Unavailable(Exception):
    """Why a service can't be had on this machine, in one line."""


@dataclass
class Service:
    """One service: whether the command has it, and a word about which or why not."""

    available: bool
    detail: str

    def __str__(self) -> str:
        return f"yes ({self.detail})" if self.available else f"NO ({self.detail})"


@dataclass
class Services:
    """What was started, and the environment that says where it is."""

    environment: dict[str, str]
    postgres: Service
    redis: Service
    pgbouncer: Service
    model: Service


@contextmanager
def started() -> Iterator[Services]:
    """Start what can be started; throw it away at the end, after Ctrl-C and SIGTERM too."""
    for number in SIGNALS:
        signal.signal(number, leave)
    with ExitStack() as stack:
        environment = dict(os.environ)
        services = Services(
            environment,
            postgres=provide(environment, "JETON_TEST_POSTGRES", lambda: stack.enter_context(postgres_server())),
            redis=provide(environment, "JETON_TEST_REDIS", lambda: stack.enter_context(redis_server())),
            pgbouncer=provide(environment, "JETON_TEST_PGBOUNCER", pgbouncer_binary),
            model=provide(environment, "JETON_TEST_MODEL", lambda: (str(fetch_model.ensure_model()), "SmolLM2-135M")),
        )
        # Called first when the block is left.
        stack.callback(ignore_signals)
        yield services


def provide(environment: dict[str, str], variable: str, start: Callable[[], tuple[str, str]]) -> Service:
    """Set `variable` to what `start` returns, unless it is set already or the service can't be had."""
    if environment.get(variable):
        return Service(True, f"the one that {variable} names")
    environment.pop(variable, None)
    try:
        environment[variable], detail = start()
        return Service(True, detail)
    except (Unavailable, fetch_model.FetchError) as problem:
        if STRICT:
            sys.exit(f"with_services: {problem}; with CI=true nothing may be skipped")
        return Service(False, str(problem))


@contextmanager
def postgres_server() -> Iterator[tuple[str, str]]:
    """A PostgreSQL server with a superuser `postgres`; yields its URL and version."""
    # Nothing here outlives the run, so nothing waits for the disk.
    with postgres(full_page_writes="off", synchronous_commit="off") as server:
        yield server.url, server.version


class Owner(TypedDict, total=False):
    """The user that runs PostgreSQL's programs, as `subprocess` takes it; empty for the user who runs this."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass
class Postgres:
    """A throw-away PostgreSQL server, which can be killed and started again."""

    url: str
    version: str
    command: list[str | Path]
    directory: Path
    owner: Owner
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        log, port = self.directory / "log", self.url.rsplit(":", 1)[1].split("/")[0]
        with log.open("a") as output:
            # In its own session: Ctrl-C in the terminal reaches the tests first, and the server after them.
            self.process = subprocess.Popen(
                self.command, cwd=self.directory, stdout=output, stderr=output, start_new_session=True, **self.owner
            )
        deadline = time.monotonic() + 60
        ready: list[str | Path] = [postgres_binaries() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port]
        while subprocess.run(ready, check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                sys.exit(f"with_services: PostgreSQL {self.version} does not start:\n{log.read_text()}")
            time.sleep(0.1)

    def kill(self) -> None:
        """Stop at once, saving nothing: when it starts again it recovers from its log."""
        self.process.send_signal(signal.SIGQUIT)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@contextmanager
def postgres(**settings: str) -> Iterator[Postgres]:
    """A PostgreSQL server with a superuser `postgres` and these settings."""
    binaries = postgres_binaries()
    version = subprocess.check_output([binaries / "postgres", "--version"], text=True).split()[2]
    password = secrets.token_hex(16)
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="jeton-postgres-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        owner = unprivileged_user(directory)
        data = directory / "data"

        password_file = directory / "password"
        password_file.write_text(password)
        if owner:
            os.chown(password_file, owner["user"], owner["group"])
        # A password, since the port is open to every user of this machine. Plain on the wire, which is the loopback
        # interface: the usual handshake costs each of the tests' many connections milliseconds in a debug build.
        # The C locale sorts the same everywhere, and folds only ASCII: no test passes thanks to the machine's language.
        initdb: list[str | Path] = [
            *(binaries / "initdb", "--pgdata", data, "--username", "postgres", "--pwfile", password_file),
            *("--auth-host", "password", "--auth-local", "reject", "--encoding", "UTF8", "--no-locale", "--no-sync"),
        ]
        made = subprocess.run(
            initdb, check=False, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **owner
        )
        if made.returncode != 0:
            sys.exit(f"with_services: PostgreSQL's initdb failed:\n{made.stdout}")

        port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "300",
            # What the system has taken outlives the server, and nothing here outlives the system.
            "fsync": "off",
            **settings,
        }
        command: list[str | Path] = [binaries / "postgres", "-D", data, *(f"--{name}={value}" for name, value in settings.items())]
        server = Postgres(f"postgres://postgres:{password}@127.0.0.1:{port}/postgres", version, command, directory, owner)
        server.start()
        stack.callback(server.kill)
        yield server


@contextmanager
def redis_server() -> Iterator[tuple[str, str]]:
    """A Redis server that keeps nothing on the disk; yields its URL and version."""
    program = redis_binary()
    told = subprocess.check_output([program, "--version"], text=True)
    version = next((part.removeprefix("v=") for part in told.split() if part.startswith("v=")), "?")
    port = free_port()
    server = start_redis(program, port)
    try:
        yield f"redis://127.0.0.1:{port}", version
    finally:
        server.kill()
        server.wait()


def redis_binary() -> str:
    """The server's program: Redis, or Valkey, which is the same for us."""
    if program := shutil.which("redis-server") or shutil.which("valkey-server"):
        return program
    raise Unavailable("Redis's server program (redis-server) is not installed")


def pgbouncer_binary() -> tuple[str, str]:
    """PgBouncer's program and version; Debian keeps it out of the PATH of users."""
    if program := shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return program, subprocess.check_output([program, "--version"], text=True).splitlines()[0]
    raise Unavailable("PgBouncer is not installed")


def start_redis(program: str, port: int) -> subprocess.Popen[bytes]:
    """Start Redis at this port of the loopback interface, and wait until it answers."""
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(
        command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True
    )
    deadline = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return server
        except OSError:
            pass
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            sys.exit(f"with_services: Redis does not start: {' '.join(command)}")
        time.sleep(0.05)


def postgres_binaries() -> Path:
    """The folder with the server's programs; Debian and Homebrew keep it out of PATH."""
    candidates = []
    if on_path := shutil.which("initdb"):
        candidates.append(Path(on_path).resolve().parent)
    if pg_config := shutil.which("pg_config"):
        asked = subprocess.run([pg_config, "--bindir"], check=False, stdout=subprocess.PIPE, text=True)
        candidates.append(Path(asked.stdout.strip()))
    for root, pattern in [
        ("/usr/lib/postgresql", "*/bin"),
        ("/opt/homebrew/opt", "postgresql*/bin"),
        ("/usr/local/opt", "postgresql*/bin"),
    ]:
        # The newest version first.
        found = Path(root).glob(pattern)
        candidates += sorted(found, key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))], reverse=True)
    for folder in candidates:
        if all((folder / program).is_file() for program in ("initdb", "postgres", "pg_isready")):
            return folder
    raise Unavailable("PostgreSQL's server programs (initdb, postgres) are not installed")


def unprivileged_user(directory: Path) -> Owner:
    """How to start PostgreSQL's programs, which refuse to run as root: as whom, with `directory` made theirs."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(directory, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise Unavailable("PostgreSQL refuses to run as root, and there is no user postgres or nobody")


def free_port() -> int:
    """A port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def leave(number: int, _frame: object) -> NoReturn:
    """Handles a signal to stop: leaves by way of every clean-up."""
    ignore_signals()
    sys.exit(128 + number)


def ignore_signals() -> None:
    """Only cleaning up is left to do; it takes a second or two, and a second Ctrl-C must not cut it short."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def run(command: list[str], environment: dict[str, str]) -> int:
    """Run a command and return its exit status; on a signal to stop, everything that it started stops too."""
    try:
        child = subprocess.Popen(command, env=environment, start_new_session=True)
    except OSError as problem:
        print(f"with_services: {command[0]}: {problem.strerror}", file=sys.stderr)
        return 127
    try:
        status = child.wait()
    except BaseException:
        os.killpg(child.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=10)
        # What is left of its group did not listen.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        raise
    return status if status >= 0 else 128 - status


def main(arguments: list[str]) -> NoReturn:
    if arguments[:1] != ["--"] or len(arguments) < 2:
        sys.exit("usage: with_services.py -- COMMAND [ARGUMENT ...]")
    with started() as services:
        print(f"PostgreSQL: {services.postgres}. Redis: {services.redis}. Model: {services.model}.", flush=True)
        status = run(arguments[1:], services.environment)
    sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
