#!/usr/bin/env python3
"""Draws what `make bench` has measured, as SVGs under docs/: messages/s against clients, latency against the size of the
history, memory against streams. The same as `make bench-plot`.

Each row is taken from the newest report that has it (target/bench/*.json, or the files named)."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

from servers import BENCH, ROOT

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 76, 150, 44, 52
# Grey and two hues that can be told apart on white and on black, also with a colour vision deficiency.
COLOURS = ("#0a84c6", "#d9730d", "#8b8b8b")
STYLE = "text { font: 13px system-ui, sans-serif; fill: #777 } .title { font-size: 15px } line { stroke: #8886 }"

Points = list[tuple[float, float]]


def main() -> None:
    files = [Path(name) for name in sys.argv[1:]] or sorted(BENCH.glob("*.json"))
    rows = {row["name"]: row["figures"] for file in files for row in json.loads(file.read_text())["rows"]}
    plots = {
        "clients": ("messages/s against clients", "clients", clients, True),
        "history": ("median latency in ms against chats stored", "chats", history, True),
        "streams": ("resident memory in MB against streams at once", "streams", streams, False),
    }
    (ROOT / "docs").mkdir(exist_ok=True)
    for name, (title, across, points, logarithmic) in plots.items():
        if name not in rows:
            print(f"bench-plot: row {name} was never measured (make bench ROWS={name})", file=sys.stderr)
            continue
        path = ROOT / f"docs/bench-{name}.svg"
        path.write_text(svg(title, across, points(rows[name]), logarithmic))
        print(path.relative_to(ROOT))


def clients(figures: dict) -> dict[str, Points]:
    lines: dict[str, Points] = {}
    for name, told in figures.items():
        who, _, count = name.rpartition(", ")
        lines.setdefault(who, []).append((float(count), told["rate"]))
    # Jeton first: it has the first colour in every plot.
    return dict(sorted(lines.items(), key=lambda line: line[0] != "jeton"))


def history(figures: dict) -> dict[str, Points]:
    size = {name: float(name.split()[0].replace(",", "")) for name in figures}
    queries = next(iter(figures.values()))
    return {query.removesuffix("_ms"): [(size[name], told[query]) for name, told in figures.items()] for query in queries}


def streams(figures: dict) -> dict[str, Points]:
    lines: dict[str, Points] = {}
    for name, told in figures.items():
        who, _, _ = name.partition(", ")
        lines.setdefault(who, [(0, told["before_mb"])]).append((told["streams"], told["peak_mb"]))
    return lines


def svg(title: str, across: str, lines: dict[str, Points], logarithmic: bool) -> str:
    xs = sorted({x for points in lines.values() for x, _ in points})
    ticks = up_to(max(y for points in lines.values() for _, y in points))

    def place(x: float, y: float) -> tuple[float, float]:
        low, high, at = (math.log(xs[0]), math.log(xs[-1]), math.log(x)) if logarithmic else (xs[0], xs[-1], x)
        right = (at - low) / ((high - low) or 1)
        return LEFT + right * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / ticks[-1] * (HEIGHT - TOP - BOTTOM)

    drawn = [f'<text class="title" x="{LEFT}" y="24">{title}</text>']
    for tick in ticks:
        _, y = place(xs[-1], tick)
        drawn.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:,.6g}</text>')
    for value in xs:
        x, y = place(value, 0)
        drawn.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{value:,.0f}</text>')
    drawn.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{across}</text>')
    # Where lines end close together, their names keep a line's height between them.
    ends = sorted(((place(*points[-1])[1], number) for number, points in enumerate(lines.values())), reverse=True)
    height, above = {}, math.inf
    for y, number in ends:
        above = height[number] = min(y, above - 16)
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        at = [place(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in at]
        drawn.append(f'<text x="{at[-1][0] + 10:.1f}" y="{height[number] + 4:.1f}" style="fill: {colour}">{name}</text>')
    inside = "\n".join(drawn)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">'
    return f"{head}\n<style>{STYLE}</style>\n{inside}\n</svg>\n"


def up_to(most: float) -> list[float]:
    """Round numbers from nothing to past the largest."""
    rough = (most or 1) / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    return [step * number for number in range(math.ceil(most / step) + 1)]


if __name__ == "__main__":
    main()
