"""The rows about streams: the time that Jeton adds to the first chunk, and the memory of thousands of slow ones."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import servers
from load import Wrong, memory, post, write_requests
from servers import TARGET
from settings import Settings
from table import Row

FOLLOW = """subscription($id: ID!) { replyStream(chatId: $id) { __typename ... on ReplyDelta { text }
    ... on ReplyFinished { chat { response } } } }"""
START = 'mutation { startMessage(input: {message: "go", model: "flat"}) { chat { id } errors { message } } }'

# About as fast as people read.
PACE = ["--pieces", 20, "--between-ms", 50]
SLOW = ["--pieces", 20, "--first-ms", 1000, "--between-ms", 1000]


def first_piece(settings: Settings) -> Row:
    """The time to the first streamed chunk over the mock's own, 100 streams at once."""
    with servers.mock(*PACE) as (mock, _), servers.jeton(settings.jeton, mock, settings=settings.config) as jeton:
        asked = {
            "mock": (mock, streamed(mock, "mock", [None])),
            "jeton, flat": (jeton.port, streamed(jeton.port, "flat", [user.key for user in jeton.users])),
            "jeton, metered": (jeton.port, streamed(jeton.port, "metered", [user.key for user in jeton.users])),
        }
        rounds: dict[str, list[dict]] = {name: [] for name in asked}
        for port, requests in asked.values():
            follow(port, requests, 100, 1)
        for _ in range(settings.rounds):
            for name, (port, requests) in asked.items():
                rounds[name].append(follow(port, requests, 100, max(1, round(settings.seconds))))
    names = ("first_p50_ms", "first_p99_ms", "first_max_ms")
    figures = {name: {figure: statistics.median(one[figure] for one in told) for figure in names} for name, told in rounds.items()}
    added = {
        f"{name}: {figure} over the mock's own": figures[name][figure] - figures["mock"][figure]
        for name in list(figures)[1:]
        for figure in names[:2]
    }
    return Row("first", "time to the first streamed chunk of /v1, 100 streams at once", figures, added, rounds)


def streams(settings: Settings) -> Row:
    """Thousands of slow streams, over /v1 and over replyStream: whether all finish, and the memory of each."""
    count = settings.streams
    raise_open_files(4 * count)
    figures: dict[str, dict[str, float]] = {}
    for name, run in (("/v1", streams_of_v1), ("replyStream", streams_of_replies)):
        with servers.mock(*SLOW) as (mock, _), servers.jeton(settings.jeton, mock, settings=settings.config) as jeton:
            # What the first message of all takes is no stream's.
            follow(jeton.port, streamed(jeton.port, "metered", [user.key for user in jeton.users]), 50, 1)
            before = memory(jeton.pid)
            with Peak(jeton.pid) as peak:
                told = run(jeton, count)
            grown = (peak.kib - before) / count
            figures[name] = {
                "streams": told["streams"],
                "kib_each": grown,
                "before_mb": before / 1024,
                "peak_mb": peak.kib / 1024,
                "longest_s": told["longest_s"],
            }
    return Row("streams", f"{count} slow streams at once (20 chunks, 1 s apart)", figures)


def streams_of_v1(jeton: servers.Jeton, count: int) -> dict:
    return follow(jeton.port, streamed(jeton.port, "flat", [user.key for user in jeton.users]), count, 1, over_ms=5000)


def streams_of_replies(jeton: servers.Jeton, count: int) -> dict:
    """Starts as many messages, then follows each."""

    def start(number: int) -> bytes:
        user = jeton.users[number % len(jeton.users)]
        chat = servers.ask(jeton.port, START, user.access)["startMessage"]["chat"]["id"]
        return post(jeton.port, "/graphql/stream", {"query": FOLLOW, "variables": {"id": chat}}, user.access)

    with ThreadPoolExecutor(16) as threads:
        requests = list(threads.map(start, range(count)))
    return follow(jeton.port, requests, count, 1, over_ms=1000, piece='"ReplyDelta"', whole='"ReplyFinished"')


def streamed(port: int, model: str, keys: list[str | None]) -> list[bytes]:
    """A request for a stream by each key."""
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Say something slowly."}]}
    return [post(port, "/v1/chat/completions", body, key) for key in keys]


def follow(
    port: int, requests: list[bytes], at_once: int, each: int, over_ms: int = 1000, piece: str = '"content":"w', whole: str = "[DONE]"
) -> dict:
    """The report of a client with this number of streams at once."""
    with tempfile.NamedTemporaryFile(prefix="jeton-bench-") as file:
        write_requests(requests, file)
        command = [TARGET / "release/streams", "--connect", f"127.0.0.1:{port}", "--requests", file.name, "--at-once", at_once]
        command += ["--each", each, "--over-ms", over_ms, "--piece", piece, "--whole", whole]
        said = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(said.stdout)
    if told["unfinished"]:
        raise Wrong(f"{told['unfinished']} streams of {at_once * each} did not end well, such as: {told['problem']}")
    return told


class Peak:
    """The largest memory of a process while something runs."""

    def __init__(self, pid: int) -> None:
        self.pid, self.kib, self.over = pid, 0, threading.Event()

    def __enter__(self) -> Peak:
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def watch(self) -> None:
        while not self.over.wait(0.1):
            self.kib = max(self.kib, memory(self.pid))


def raise_open_files(wanted: int) -> None:
    """Each connection is an open file of its own, here and in the servers, which inherit this."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
