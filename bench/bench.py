#!/usr/bin/env python3
"""Measures Jeton against what bounds it, and prints a table. The same as `make bench`; README.md in this folder
describes the rows and the settings, which come by the environment:

    ROWS=send,rest ROUNDS=5 SECONDS_EACH=10 CLIENTS=64 JETON=path/of/a/binary PEERS=name=url,.. CONFIG='key = value;..'

Nothing asserts a time. What would make a figure mean nothing, such as a rejected message, ends it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import servers
import table
from load import Wrong
from rows import ROWS
from settings import Settings


def main() -> None:
    settings = Settings.from_environment(servers.TARGET / "release/jeton")
    if unknown := [row for row in settings.rows if row not in ROWS]:
        sys.exit(f"bench: no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    if not shutil.which("wrk"):
        sys.exit("bench: wrk is not installed (Debian's package has its name)")
    build(settings)
    print(*(f"{name}: {value}" for name, value in (table.machine() | table.versions(settings)).items()), sep="\n")
    print(*(f"{name}: {value}" for name, value in settings.shown().items()), sep="\n", flush=True)
    done = []
    for name in settings.rows or ROWS:
        try:
            done.append(ROWS[name](settings))
        except Wrong as problem:
            sys.exit(f"bench: {name}: {problem}")
        table.show(done[-1])
        sys.stdout.flush()
    print(f"\nwritten to {table.write(done, settings)}")


def build(settings: Settings) -> None:
    """In release, Jeton as everybody builds it: with its own features alone."""
    cargo = [os.environ.get("CARGO", "cargo"), "build", "--release", "--locked", "--quiet"]
    if not os.environ.get("JETON"):
        subprocess.run(cargo, cwd=servers.ROOT, check=True)
    subprocess.run([*cargo, "--package", "bench"], cwd=servers.ROOT, check=True)
    if not settings.jeton.exists():
        sys.exit(f"bench: there is no {settings.jeton}")


if __name__ == "__main__":
    main()
