"""The rows of the table, one function each. Each returns what it compared; see `table` for how that is shown."""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import history
import logins
import model
import servers
import streaming
from load import Contender, Wrong, memory, post
from servers import BENCH, Jeton
from settings import Settings
from table import Row

import with_services

WORDS = "What is it that you do all day long? ({})"
SEND = """mutation($m: String!, $model: String) { sendMessage(input: {message: $m, model: $model}) {
    chat { id response cost } balance { tokens held } errors { message } } }"""


def send(settings: Settings) -> Row:
    """`sendMessage` over GraphQL against the floor."""
    with servers.floor(settings.jeton) as floor, servers.jeton(settings.jeton, settings=settings.config) as jeton:
        asked = sends(jeton)
        contenders = [at_the_floor(*floor), Contender("jeton", jeton.port, asked, jeton.pid, jeton.stored)]
        return interleaved("send", "sendMessage over GraphQL, SQLite synchronous=FULL", contenders, settings)


def rest(settings: Settings) -> Row:
    """POST /api/chat/ against the floor."""
    with servers.floor(settings.jeton) as floor, servers.jeton(settings.jeton, settings=settings.config) as jeton:
        asked = [post(jeton.port, "/api/chat/", {"message": words}, user.access) for words, user in said(jeton)]
        contenders = [at_the_floor(*floor), Contender("jeton", jeton.port, asked, jeton.pid, jeton.stored)]
        return interleaved("rest", "POST /api/chat/, SQLite synchronous=FULL", contenders, settings)


def v1(settings: Settings) -> Row:
    """POST /v1/chat/completions through the mock upstream, against the mock itself and the peers in front of it."""
    with servers.mock() as (mock, mock_pid), servers.jeton(settings.jeton, mock, settings=settings.config) as jeton:

        def asked(port: int, path: str, model: str) -> list[bytes]:
            bodies = [({"model": model, "messages": [{"role": "user", "content": words}]}, user) for words, user in said(jeton)]
            return [post(port, path, body, user.key) for body, user in bodies]

        contenders = [Contender("mock", mock, asked(mock, "/v1/chat/completions", "mock"), mock_pid)]
        contenders += [Contender(peer.name, peer.port, asked(peer.port, peer.path, peer.model)) for peer in settings.peers]
        contenders += [
            Contender(f"jeton, {price}", jeton.port, asked(jeton.port, "/v1/chat/completions", price), jeton.pid, jeton.stored)
            for price in ("flat", "metered")
        ]
        return interleaved("v1", "POST /v1/chat/completions through the mock upstream, API keys", contenders, settings)


def postgres(settings: Settings) -> Row:
    """`sendMessage` on PostgreSQL against pgbench with the same two transactions."""
    with with_services.postgres(fsync="on") as server:
        url, version = server.url, server.version
        psql(url, "-c", "CREATE DATABASE jeton", "-c", "CREATE DATABASE floor")
        floor = url.removesuffix("postgres") + "floor"
        psql(floor, "-f", servers.ROOT / "bench/pgbench_tables.sql")
        database = url.removesuffix("postgres") + "jeton"
        with servers.jeton(settings.jeton, database=database, settings=settings.config) as jeton:
            asked = sends(jeton)

            def stored() -> int:
                return int(psql(database, "-Atc", "SELECT count(*) FROM chat WHERE status = 'DONE'"))

            contenders = [PgBench(floor), Contender("jeton", jeton.port, asked, jeton.pid, stored)]
            return interleaved("postgres", f"sendMessage over GraphQL, PostgreSQL {version}, fsync on", contenders, settings)


def start(settings: Settings) -> Row:
    """Start to listening on an existing database, and the memory of an idle server."""
    times, idle = [], []
    with servers.directory() as where:
        servers.copy_of_users(settings.jeton, where)
        for _ in range(max(settings.rounds, 5)):
            begun = time.monotonic()
            with servers.serving(settings.jeton, where, settings=settings.config) as (_, pid):
                times.append((time.monotonic() - begun) * 1e3)
                time.sleep(3)
                idle.append(memory(pid))
    figures = {"start_ms": statistics.median(times), "slowest_ms": max(times), "idle_mb": statistics.median(idle) / 1024}
    rounds = [{"start_ms": t, "idle_kib": m} for t, m in zip(times, idle, strict=True)]
    return Row("start", "start to listening, existing database, no local model", {"jeton": figures}, rounds={"jeton": rounds})


def clients(settings: Settings) -> Row:
    """`sendMessage` by few clients and by many."""
    with servers.floor(settings.jeton) as floor, servers.jeton(settings.jeton, settings=settings.config) as jeton:
        asked = sends(jeton)
        rounds: dict[str, list[dict]] = {}
        contenders = [at_the_floor(*floor), Contender("jeton", jeton.port, asked, jeton.pid, jeton.stored)]
        for one in contenders:
            one.load(2, settings.clients)
        for _ in range(settings.rounds):
            for count in (1, 4, 16, 64, 256):
                for one in contenders:
                    told = one.load(settings.seconds, count)
                    rounds.setdefault(f"{one.name}, {count}", []).append(told)
    names = ("rate", "p50_ms", "p99_ms", "cpu_us")
    figures = {name: {figure: statistics.median(one[figure] for one in told) for figure in names} for name, told in rounds.items()}
    return Row("clients", "sendMessage over GraphQL, by how many clients", figures, rounds=rounds)


ROWS: dict[str, Callable[[Settings], Row]] = {
    "send": send,
    "rest": rest,
    "v1": v1,
    "first": streaming.first_piece,
    "streams": streaming.streams,
    "history": history.history,
    "logins": lambda settings: logins.logins(settings, SEND),
    "clients": clients,
    "postgres": postgres,
    "start": start,
    "model": model.model,
}


def interleaved(name: str, title: str, contenders: list[Contender], settings: Settings) -> Row:
    """A B A B: whatever else this machine does meanwhile, it does to all of them. The first one is what the others are
    compared with."""
    for contender in contenders:
        contender.load(1, settings.clients)
        contender.rounds.clear()
    for number in range(settings.rounds):
        for contender in contenders:
            last = settings.profile and number == settings.rounds - 1
            profile = BENCH / f"perf-{name}-{contender.name.replace(', ', '-')}.data" if last else None
            contender.load(settings.seconds, settings.clients, profile)
    first = contenders[0]
    names = ("rate", "p50_ms", "p90_ms", "p99_ms", "max_ms", "cpu_us")
    figures = {one.name: {figure: median for figure in names if (median := one.median(figure)) is not None} for one in contenders}
    # Of each round by itself, since the two were measured at the same time; then their median.
    ratios = {
        f"{one.name} / {first.name}": statistics.median(a["rate"] / b["rate"] for a, b in zip(one.rounds, first.rounds, strict=True))
        for one in contenders[1:]
    }
    return Row(name, title, figures, ratios, {one.name: one.rounds for one in contenders})


def said(jeton: Jeton, times: int = 4) -> Iterator[tuple[str, servers.User]]:
    """Each user in turn, each time with other words."""
    for number in range(times * len(jeton.users)):
        yield WORDS.format(number), jeton.users[number % len(jeton.users)]


def sends(jeton: Jeton) -> list[bytes]:
    """Requests of `sendMessage` to the echo model."""
    variables = ((user, {"m": words, "model": "echo"}) for words, user in said(jeton))
    return [post(jeton.port, "/graphql", {"query": SEND, "variables": one}, user.access) for user, one in variables]


def at_the_floor(port: int, pid: int) -> Contender:
    users = servers.USERS
    asked = [post(port, "/", {"user": number % users + 1, "message": WORDS.format(number)}) for number in range(4 * users)]
    return Contender("floor", port, asked, pid)


class PgBench(Contender):
    """pgbench, which is load and logic in one."""

    def __init__(self, url: str) -> None:
        super().__init__("pgbench", 0, [])
        self.url = url

    def load(self, seconds: float, clients: int, _profile: object = None) -> dict:
        script = servers.ROOT / "bench/pgbench.sql"
        with tempfile.TemporaryDirectory(prefix="jeton-bench-") as logs:
            flags = f"-n -M prepared -c {clients} -j 1 -T {max(1, round(seconds))} -l --log-prefix={logs}/log".split()
            said = run_postgres("pgbench", self.url, *flags, "-f", script)
            # The third of each line: microseconds that it took.
            took = sorted(int(line.split()[2]) / 1e3 for log in Path(logs).iterdir() for line in log.read_text().splitlines())
        rate = re.search(r"tps = ([\d.]+)", said)
        if rate is None:
            raise Wrong(f"pgbench has no rate: {said}")
        figures = {"rate": float(rate[1]), "max_ms": took[-1]}
        figures |= {f"p{share}_ms": took[len(took) * share // 100] for share in (50, 90, 99)}
        self.rounds.append(figures)
        return figures


def psql(url: str, *arguments: object) -> str:
    return run_postgres("psql", url, "-q", "-v", "ON_ERROR_STOP=1", *arguments)


def run_postgres(program: str, url: str, *arguments: object) -> str:
    """A program of PostgreSQL's at the database of a URL. The password goes by the environment."""
    parts = urlsplit(url)
    environment = {"PGPASSWORD": parts.password or "", "PGHOST": parts.hostname or "", "PGPORT": str(parts.port)}
    environment |= {"PGUSER": parts.username or ""}
    environment |= {"PGDATABASE": parts.path.removeprefix("/"), "PATH": "/usr/bin:/bin"}
    command = [str(with_services.postgres_binaries() / program), *(str(argument) for argument in arguments)]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
