"""The row about reading: what a query takes when there are a thousand times as many chats."""

from __future__ import annotations

import shutil
import sqlite3
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import servers
from load import Contender, Wrong, post
from settings import Settings
from table import Row

SIZES = (1_000, 100_000, 1_000_000)
HISTORY = """query { chatHistory(first: 50) { edges { cursor node { id message response status cost createdAt } }
    pageInfo { hasNextPage endCursor } } }"""
QUERIES = {"chatHistory": HISTORY, "balance": "query { balance { tokens held } }", "me": "query { me { id username } }"}

# Half of the chats are the first user's, the rest everybody's in turn. The search index is skipped: no query here reads
# it, and Python's SQLite may be too old for it.
FILL = """
CREATE TEMP TABLE filled AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {chats})
    SELECT i, CASE WHEN i % 2 THEN (SELECT id FROM user WHERE username = 'user0') ELSE 1 + i / 2 % {users} END AS user_id,
        strftime('%Y-%m-%dT%H:%M:%f+00:00', 1700000000 + i, 'unixepoch') AS at FROM n;
INSERT INTO chat (id, user_id, model, status, message, response, hold, cost, input_units, output_units, usage_estimated,
        created_at, finished_at, context_left_out, search_text)
    SELECT i, user_id, 'echo', 'DONE', 'What is it that you do all day long? (' || i || ')',
        'AI Response to: What is it that you do all day long? (' || i || ')', 100, 100, 10, 10, FALSE, at, at, 0, '' FROM filled;
INSERT INTO ledger_entry (wallet_id, amount, balance_after, reason, chat_id, created_at)
    SELECT (SELECT id FROM wallet WHERE wallet.user_id = filled.user_id), -100,
        {grant} - 100 * row_number() OVER (PARTITION BY user_id ORDER BY i), 'CHAT_DONE', i, at FROM filled ORDER BY i;
UPDATE wallet SET tokens = tokens - 100 * spent.chats
    FROM (SELECT user_id, count(*) AS chats FROM filled GROUP BY user_id) AS spent WHERE spent.user_id = wallet.user_id;
"""


def history(settings: Settings) -> Row:
    """`chatHistory(first: 50)`, `balance` and `me` of one client, with few chats and with many."""
    rounds: dict[str, list[dict]] = {f"{size:,} chats": [] for size in SIZES}
    with ExitStack() as stack:
        running = {}
        for size, name in zip(SIZES, rounds, strict=True):
            where = stack.enter_context(servers.directory())
            users = filled(settings.jeton, size, where)
            port, pid = stack.enter_context(servers.serving(settings.jeton, where, settings=settings.config))
            running[name] = (port, pid, users[0])
            check(port, users[0], size)
        for number in range(settings.rounds + 1):
            for name, (port, pid, user) in running.items():
                told = {}
                for query, text in QUERIES.items():
                    asked = [post(port, "/graphql", {"query": text}, user.access)]
                    told[f"{query}_ms"] = Contender(name, port, asked, pid).load(min(settings.seconds, 2), 1)["p50_ms"]
                # The first round warms up.
                if number:
                    rounds[name].append(told)
    figures = {name: {figure: statistics.median(one[figure] for one in told) for figure in told[0]} for name, told in rounds.items()}
    few, *_, many = figures.values()
    ratios = {f"{figure.removesuffix('_ms')}: {SIZES[-1]:,} / {SIZES[0]:,}": many[figure] / few[figure] for figure in few}
    return Row("history", "queries of one client, medians; half of the chats are the client's own", figures, ratios, rounds)


def check(port: int, user: servers.User, size: int) -> None:
    """That it is all there, since wrk does not look into the answers."""
    nodes = servers.ask(port, HISTORY, user.access)["chatHistory"]["edges"]
    tokens = servers.ask(port, QUERIES["balance"], user.access)["balance"]["tokens"]
    if len(nodes) != 50 or tokens > servers.GRANT - 100 * (size // 2):
        raise Wrong(f"with {size} chats, the history has {len(nodes)} and the balance is {tokens}")


def filled(binary: Path, chats: int, into: Path) -> list[servers.User]:
    """A copy of a database with this number of chats. Filled once for each schema."""
    users = servers.copy_of_users(binary, into)
    kept = servers.kept(f"history-{chats}")
    if not (kept / "jeton.db").exists():
        print(f"writing {chats:,} chats ..", file=sys.stderr, flush=True)
        servers.configure(into)
        subprocess.run([binary, "--config", "jeton.toml", "migrate"], cwd=into, stdout=subprocess.DEVNULL, check=True)
        fill(into / "jeton.db", chats)
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copy(into / "jeton.db", kept / "part")
        (kept / "part").rename(kept / "jeton.db")
    for file in into.glob("jeton.db*"):
        file.unlink()
    shutil.copy(kept / "jeton.db", into)
    return users


def fill(path: Path, chats: int) -> None:
    database = sqlite3.connect(path)
    # Where there is a trigger that writes the search index, even a row without words needs it to be understood.
    triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'chat'").fetchall()
    for name, _ in triggers:
        database.execute(f'DROP TRIGGER "{name}"')
    database.executescript(FILL.format(chats=chats, users=servers.USERS, grant=servers.GRANT))
    for _, sql in triggers:
        database.execute(sql)
    database.execute("ANALYZE")
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
