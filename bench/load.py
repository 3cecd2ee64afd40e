"""Load on one server by wrk, with a given number of connections."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

SCRIPT = Path(__file__).with_name("load.lua")
TICKS = os.sysconf("SC_CLK_TCK")


class Wrong(Exception):
    """A server did not do what it was asked for: figures of it would mean nothing."""


def post(port: int, path: str, body: object, bearer: str | None = None) -> bytes:
    """A request as it goes over the wire."""
    content = json.dumps(body).encode()
    authorization = f"Authorization: Bearer {bearer}\r\n" if bearer else ""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n{authorization}"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


@dataclass
class Contender:
    """One of those that a row compares: where it listens, and what it is asked."""

    name: str
    port: int
    requests: list[bytes]
    # The server's process, where it is ours: its processor time is told.
    pid: int | None = None
    # How many messages are stored as answered, where that can be counted: wrk does not look into the answers.
    stored: Callable[[], int] | None = None
    rounds: list[dict] = field(default_factory=list)

    def median(self, figure: str) -> float | None:
        figures = [one[figure] for one in self.rounds if figure in one]
        return statistics.median(figures) if figures else None

    def load(self, seconds: float, clients: int, profile: Path | None = None) -> dict:
        """Keeps `clients` connections busy; notes and returns what came of it."""
        stored = self.stored() if self.stored else 0
        used = processor_time(self.pid)
        with profiled(self.pid, profile):
            figures = wrk(self.port, self.requests, seconds, clients)
        answered = figures["requests"] - figures["refused"]
        if figures["broken"] or figures["refused"] or not answered:
            counts = f"{figures['refused']} were rejected, {figures['broken']} were cut off"
            raise Wrong(f"{self.name}: of {figures['requests']} requests {counts}")
        if self.stored and self.stored() - stored < answered:
            raise Wrong(f"{self.name}: {answered} messages were answered, but {self.stored() - stored} are stored as answered")
        if self.pid:
            figures["cpu_us"] = (processor_time(self.pid) - used) / answered * 1e6
        figures["rate"] = answered / figures["seconds"]
        self.rounds.append(figures)
        return figures


def write_requests(requests: list[bytes], file: IO[bytes]) -> None:
    """As load.lua and the client of streams read them."""
    file.writelines(b"%d\n" % len(request) + request for request in requests)
    file.flush()


def wrk(port: int, requests: list[bytes], seconds: float, clients: int) -> dict:
    with tempfile.NamedTemporaryFile(prefix="jeton-bench-") as file:
        write_requests(requests, file)
        # One thread is enough for twice the rate of the fastest here, and leaves the other cores to the server.
        command = ["wrk", "--threads", "1", "--connections", clients, "--duration", f"{seconds:g}s", "--timeout", "60s"]
        command += ["--script", SCRIPT, f"http://127.0.0.1:{port}/"]
        environment = {**os.environ, "REQUESTS": file.name}
        said = subprocess.run([str(part) for part in command], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(said.stdout.rstrip().rsplit("\n", 1)[-1])


def processor_time(pid: int | None) -> float:
    """Seconds that the process has used of all processors."""
    if not pid:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid: int) -> int:
    """Resident memory in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise Wrong(f"process {pid} has no memory")


@contextmanager
def profiled(pid: int | None, into: Path | None) -> Iterator[None]:
    """`perf record` of the process, where a profile is asked for."""
    if not pid or not into:
        yield
        return
    perf = subprocess.Popen(["perf", "record", "-q", "-F", "499", "-g", "-p", str(pid), "-o", str(into)])
    time.sleep(0.3)
    try:
        yield
    finally:
        perf.send_signal(2)
        perf.wait(60)
