"""The report: a table to read, JSON to process."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from servers import BENCH, ROOT
from settings import Settings

HEADS = {
    "rate": ("/s", "{:,.0f}"),
    "p50_ms": ("p50 ms", "{:.2f}"),
    "p90_ms": ("p90 ms", "{:.2f}"),
    "p99_ms": ("p99 ms", "{:.2f}"),
    "max_ms": ("max ms", "{:.1f}"),
    "cpu_us": ("µs of CPU", "{:.0f}"),
}


@dataclass
class Row:
    """What was measured: figures by contender, and the ratios that the goals speak of."""

    name: str
    title: str
    # By contender, then by figure: "rate", "p50_ms", ..
    figures: dict[str, dict[str, float]]
    ratios: dict[str, float] = field(default_factory=dict)
    rounds: dict[str, list[dict]] = field(default_factory=dict)


def machine() -> dict:
    """Where it was measured."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    return {
        "cores": os.cpu_count(),
        "cpu": cpu[1] if cpu else platform.processor(),
        "memory_gib": round(int(memory[1]) / 2**20) if memory else None,
        "kernel": platform.release(),
    }


def versions(settings: Settings) -> dict:
    """What was measured, and by what."""
    commit = said(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])
    return {
        "jeton": said([str(settings.jeton), "--version"]),
        "commit": commit,
        "rustc": said(["rustc", "--version"]),
        "wrk": said(["wrk", "--version"]).split("[")[0].strip(),
        "python": platform.python_version(),
    }


def said(command: list[str]) -> str:
    """The first line that a command prints. wrk ends with an error where it is asked for its version."""
    try:
        out = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    except OSError:
        return "not there"
    return out.strip().split("\n")[0]


def show(row: Row) -> None:
    """Prints one row: a line for each contender, then the ratios."""
    print(f"\n{row.title} ({row.name})")
    titles = list(dict.fromkeys(figure for figures in row.figures.values() for figure in figures))
    shown = [["", *(HEADS.get(title, (title.replace("_", " "), ""))[0] for title in titles)]]
    for name, figures in row.figures.items():
        shown.append([name, *(HEADS.get(t, ("", "{:,.2f}"))[1].format(figures[t]) if t in figures else "" for t in titles)])
    widths = [max(len(line[column]) for line in shown) for column in range(len(shown[0]))]
    for line in shown:
        cells = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        print("  " + "  ".join([line[0].ljust(widths[0]), *cells]))
    for name, ratio in row.ratios.items():
        print(f"  {name}: {ratio:.2f}")


def write(rows: list[Row], settings: Settings) -> Path:
    """Everything as JSON."""
    at = datetime.now(UTC)
    report = {"at": at.isoformat(timespec="seconds"), "machine": machine(), "versions": versions(settings)}
    report |= {"settings": settings.shown(), "rows": [vars(row) for row in rows]}
    BENCH.mkdir(parents=True, exist_ok=True)
    path = BENCH / f"{at:%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    return path
