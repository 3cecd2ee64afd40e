#!/usr/bin/env python3
"""Copy a large database from SQLite to PostgreSQL and back, and measure it.

    python3 tests/system/copy_test.py [--chats 1000000] [--binary target/release/jeton]     the same as `make copy-test`

The first database is filled by `jeton import` from an export that this program writes, with checksums of its own making.
What is asserted: all checksums are the same, the ledger is clean on all, and no command ever takes more than 200 MB.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TextIO

from root import ROOT

import with_services

USERS = 1000
MOST_MEMORY = 200 * 1024  # KB
UTC = datetime.UTC
START = datetime.datetime(2026, 1, 1, tzinfo=UTC)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
LANES = 1 << 64


def cell(value: object) -> bytes:
    """The value as it goes into the checksum: a kind, a length, bytes."""
    if value is None:
        kind, data = b"0", b""
    elif isinstance(value, bool):
        kind, data = b"?", bytes([value])
    elif isinstance(value, int):
        kind, data = b"i", value.to_bytes(8, "big", signed=True)
    elif isinstance(value, datetime.datetime):
        micros = (value - EPOCH) // datetime.timedelta(microseconds=1)
        kind, data = b"@", micros.to_bytes(8, "big", signed=True)
    else:
        kind, data = b"t", str(value).encode()
    return kind + len(data).to_bytes(8, "big") + data


def written(value: object) -> object:
    """The value as it stands in the file."""
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value


class Export:
    """Writes rows, and counts them."""

    def __init__(self, out: TextIO, head: dict, rows: dict[str, int]) -> None:
        self.out = out
        self.columns = {table: described["columns"] for table, described in head["tables"].items()}
        self.sums = {table: [0, 0, 0, 0] for table in self.columns}
        self.rows = dict.fromkeys(self.columns, 0)
        for table, count in rows.items():
            head["tables"][table]["rows"] = count
        out.write(json.dumps(head) + "\n")

    def row(self, table: str, **values: object) -> None:
        columns = self.columns[table]
        cells = [values.pop(name, None) for name in columns]
        assert not values, values
        digest = hashlib.sha256(b"".join(map(cell, cells))).digest()
        sums = self.sums[table]
        for lane in range(4):
            sums[lane] = (sums[lane] + int.from_bytes(digest[lane * 8 : lane * 8 + 8], "big")) % LANES
        self.rows[table] += 1
        row = {name: written(value) for name, value in zip(columns, cells, strict=True)}
        self.out.write(json.dumps({"table": table, "row": row}) + "\n")

    def entry(self, chains: dict[int, tuple[int, bytes]], **values: object) -> None:
        """A ledger entry, as the next one of its user's chain."""
        user = values["user_id"]
        assert isinstance(user, int)
        seq, previous = chains.get(user, (0, bytes(32)))
        seq += 1
        link = chained(previous, seq, values)
        chains[user] = (seq, link)
        self.row("ledger_entry", seq=seq, hash=link.hex(), **values)

    def end(self) -> None:
        tables = {
            table: {"rows": self.rows[table], "checksum": "".join(f"{lane:016x}" for lane in self.sums[table])}
            for table in self.columns
        }
        # All ids are without gaps.
        sequences = self.rows
        self.out.write(json.dumps({"end": {"tables": tables, "sequences": sequences}}) + "\n")


def field(content: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if content is None else len(content).to_bytes(4, "big") + content


def number(value: int | None) -> bytes:
    return field(None if value is None else value.to_bytes(8, "big", signed=True))


def chained(previous: bytes, seq: int, entry: dict) -> bytes:
    """The hash of an entry without note and key: docs/operations/audit.md."""
    micros = (entry["created_at"] - EPOCH) // datetime.timedelta(microseconds=1)
    form = field(b"jeton ledger entry 1") + number(entry["id"]) + number(entry["user_id"]) + number(seq)
    form += number(entry["amount"]) + number(entry["balance_after"]) + field(entry["reason"].encode())
    form += number(entry.get("chat_id")) + number(None) * 3 + number(micros) + field(None)
    digest = hashlib.sha256(form).digest()
    return hashlib.sha256(field(b"jeton ledger link 1") + field(previous) + field(digest)).digest()


def write_export(path: Path, head: dict, chats: int) -> None:
    """Users with chats that they paid for: a message of some words in a few scripts, and a longer answer."""
    words = ["whale", "größe", "вопрос", "東京都", "answer", "night", "مرحبا", "seven", "kites", "émigré"]
    with path.open("w") as out:
        export = Export(out, head, {"user": USERS, "chat": chats, "ledger_entry": USERS + chats})
        spent = [len(range(user, chats, USERS)) * 100 for user in range(USERS)]
        # First, since the users' rows have the heads of their chains.
        chains: dict[int, tuple[int, bytes]] = {}
        for user in range(USERS):
            export.entry(
                chains, id=user + 1, user_id=user + 1, amount=4000 + spent[user],
                balance_after=4000 + spent[user], reason="SIGNUP_GRANT", created_at=START,
            )
        for number in range(chats):
            moment = START + datetime.timedelta(seconds=number * 7, microseconds=number)
            export.entry(
                chains, id=USERS + number + 1, user_id=number % USERS + 1, amount=-100,
                balance_after=4000 + spent[number % USERS] - (number // USERS + 1) * 100, reason="CHAT_DONE",
                chat_id=number + 1, created_at=moment,
            )
        for user in range(USERS):
            export.row(
                "user", id=user + 1, username=f"user{user}", username_key=f"user{user}", password_hash="!",
                is_active=True, is_staff=False, is_superuser=False, tokens=4000, held=0, session_epoch=0,
                created_at=START, ledger_seq=chains[user + 1][0], ledger_hash=chains[user + 1][1].hex(),
            )
        for number in range(chats):
            text = " ".join(words[(number * 7 + at * at) % 10] + str(number % (at + 90)) for at in range(12))
            moment = START + datetime.timedelta(seconds=number * 7, microseconds=number)
            export.row(
                "chat", id=number + 1, user_id=number % USERS + 1, context_left_out=0, model="echo", status="DONE",
                message=text[:60], response=text * 3, hold=100, cost=100, input_units=20, output_units=60,
                usage_estimated=False, created_at=moment, finished_at=moment, search_text=text.lower(),
            )
        export.end()


class Jeton:
    def __init__(self, binary: Path, directory: Path, rows: int) -> None:
        self.binary, self.directory, self.rows = binary.resolve(), directory, rows

    def run(self, what: str, *arguments: str, database: str = "") -> str:
        """Run a command; print how long it took, and the most memory that it had."""
        environment = dict(os.environ, JETON_DATA__DIR=str(self.directory), JETON_DATABASE__URL=database)
        start = time.monotonic()
        with tempfile.TemporaryFile("w+") as out:
            child = subprocess.Popen(
                [self.binary, *arguments], env=environment, cwd=self.directory, stdout=out, stderr=subprocess.DEVNULL
            )
            memory = 0
            while child.poll() is None:
                memory = max(memory, most_memory(child.pid))
                time.sleep(0.05)
            took = time.monotonic() - start
            out.seek(0)
            told = out.read()
        if child.returncode != 0:
            sys.exit(f"{what} failed")
        if what:
            print(f"{what:28} {took:7.1f} s {self.rows / took:9.0f} rows/s, VmHWM {memory / 1024:6.1f} MB", flush=True)
            if memory > MOST_MEMORY:
                sys.exit("that is more memory than it may take")
        return told


def most_memory(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def checksums(told: str) -> list[str]:
    """The lines of tables, without what is said of the ledger."""
    return [line for line in told.splitlines() if "ledger is clean" not in line]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--chats", type=int, default=1_000_000)
    options.add_argument("--binary", type=Path, default=ROOT / "target/release/jeton")
    chosen = options.parse_args()
    with with_services.started() as services, tempfile.TemporaryDirectory() as temporary:
        if not services.postgres.available:
            sys.exit(f"PostgreSQL is needed: {services.postgres}")
        directory = Path(temporary)
        rows = 2 * chosen.chats + 2 * USERS
        jeton = Jeton(chosen.binary, directory, rows)
        first, second = (f"sqlite://{directory}/{name}.db" for name in ("first", "second"))
        postgres = services.environment["JETON_TEST_POSTGRES"]
        head = json.loads(jeton.run("", "export", "-", database=f"sqlite://{directory}/empty.db").splitlines()[0])
        file = directory / "all.jsonl"
        write_export(file, head, chosen.chats)
        print(f"{USERS} users, {chosen.chats} chats, {rows} rows, {file.stat().st_size >> 20} MB as JSON Lines")
        expected = checksums(jeton.run("JSON Lines -> SQLite", "import", str(file), database=first))
        file.unlink()
        for what, source, target in (
            ("SQLite -> PostgreSQL", first, postgres),
            ("PostgreSQL -> SQLite", postgres, second),
        ):
            told = jeton.run(what, "copy", "--from", source, "--to", target)
            if told.count("ledger is clean") != 2 or checksums(told) != expected:
                sys.exit(f"{what}: the two are not the same:\n{told}")
        sizes = [Path(url.removeprefix("sqlite://")).stat().st_size >> 20 for url in (first, second)]
        print(f"identical by checksum; the SQLite files have {sizes[0]} and {sizes[1]} MB")


if __name__ == "__main__":
    main()
