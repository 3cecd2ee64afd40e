#!/usr/bin/env python3
"""Run all of Jeton's tests, on both databases and with the real model where they can be had.

    python3 scripts/test.py [ARGUMENT OF CARGO TEST ...]      the same as `make test ARGS="..."`

Tests of services that are missing on this machine are skipped by name, and the end of the output names them.
"""

from __future__ import annotations

import sys
from typing import NoReturn

import with_services


def main(arguments: list[str]) -> NoReturn:
    with with_services.started() as services:
        coverage = (
            f"Databases of this run: SQLite: yes; PostgreSQL: {services.postgres}; "
            f"Redis: {services.redis}; PgBouncer: {services.pgbouncer}. "
            f"Language model: {services.model}."
        )
        print(coverage, flush=True)
        status = with_services.run(cargo_test(arguments, services), services.environment)
    print(f"\n{coverage}", flush=True)
    sys.exit(status)


def cargo_test(arguments: list[str], services: with_services.Services) -> list[str]:
    """The command; tests that can't run here are skipped by name."""
    skips = []
    if not services.postgres.available:
        # The runner's patterns mind the case, and rstest makes `on_2_On__Postgres` of a value.
        skips += ["--skip", "postgres", "--skip", "Postgres"]
    if not services.redis.available:
        skips += ["--skip", "redis"]
    if not services.pgbouncer.available:
        skips += ["--skip", "pgbouncer"]
    if not services.model.available:
        skips += ["--skip", "real_model"]
    if skips and "--" not in arguments:
        skips = ["--", *skips]
    return ["cargo", "test", "--workspace", "--locked", *arguments, *skips]


if __name__ == "__main__":
    main(sys.argv[1:])
