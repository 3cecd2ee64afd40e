#!/usr/bin/env python3
"""Fuzz the parsers of untrusted input one after another, and report the findings.

    python3 scripts/fuzz.py [SECONDS] [TARGET ...]      the same as `make fuzz ARGS="..."`

Each target runs for SECONDS (180). Findings are in fuzz/artifacts/TARGET; once fixed, a finding becomes a seed in
fuzz/seeds/TARGET, which the usual tests run. The corpus of a run is kept in fuzz/corpus/TARGET, for the next one.

Without a sanitizer, so that a stable toolchain does: no code here is unsafe, and every panic stops a target.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FUZZ = Path(__file__).resolve().parent.parent / "fuzz"
SANITIZER = ["--sanitizer", "none"]
# An input that takes longer than this many seconds, or more memory than this many MiB, is a finding.
LIMITS = ["-timeout=10", "-rss_limit_mb=2048", "-max_len=4096"]


@dataclass
class Outcome:
    target: str
    executions: int
    per_second: int
    coverage: int
    findings: list[Path]


def main(arguments: list[str]) -> int:
    if not shutil.which("cargo-fuzz"):
        print("cargo-fuzz is not installed: cargo install --locked cargo-fuzz", file=sys.stderr)
        return 1
    seconds = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else 180
    known = sorted(path.stem for path in (FUZZ / "fuzz_targets").glob("*.rs"))
    unknown = set(arguments) - set(known)
    if unknown:
        print(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr)
        return 1
    subprocess.run(["cargo", "fuzz", "build", *SANITIZER], cwd=FUZZ.parent, check=True)
    outcomes = [fuzz(target, seconds) for target in arguments or known]
    print(f"\n{'target':<10} {'executions':>10} {'per second':>10} {'edges':>8}  findings")
    for outcome in outcomes:
        found = " ".join(str(path.relative_to(FUZZ.parent)) for path in outcome.findings) or "none"
        print(
            f"{outcome.target:<10} {outcome.executions:>10} {outcome.per_second:>10} {outcome.coverage:>8}  {found}"
        )
    return 1 if any(outcome.findings for outcome in outcomes) else 0


def fuzz(target: str, seconds: int) -> Outcome:
    corpus, artifacts = FUZZ / "corpus" / target, FUZZ / "artifacts" / target
    corpus.mkdir(parents=True, exist_ok=True)
    before = found(artifacts)
    command = ["cargo", "fuzz", "run", *SANITIZER, target, str(corpus), str(FUZZ / "seeds" / target), "--"]
    command += [*LIMITS, f"-max_total_time={seconds}", f"-dict={FUZZ / 'dictionaries' / target}", "-print_final_stats=1"]
    environment = os.environ.copy()
    if os.access("/dev/shm", os.W_OK):
        # The databases of the runs need to survive nothing.
        environment.setdefault("TMPDIR", "/dev/shm")
    process = subprocess.Popen(
        command, cwd=FUZZ.parent, env=environment, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    executions = coverage = per_second = 0
    for line in process.stderr or []:
        print(line, end="", flush=True)
        if match := re.match(r"#(\d+)\t.*\bcov: (\d+)", line):
            executions, coverage = int(match[1]), int(match[2])
        elif match := re.match(r"stat::number_of_executed_units: (\d+)", line):
            executions = int(match[1])
        elif match := re.match(r"stat::average_exec_per_sec: +(\d+)", line):
            per_second = int(match[1])
    findings = sorted(found(artifacts) - before)
    if process.wait() != 0 and not findings:
        sys.exit(f"{target} could not be run")
    return Outcome(target, executions, per_second, coverage, findings)


def found(artifacts: Path) -> set[Path]:
    return set(artifacts.glob("*")) if artifacts.is_dir() else set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
