"""The row about a flood of logins: the rate of sending during it."""

from __future__ import annotations

import http.client
import json
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import servers
from load import Contender, memory, post
from settings import Settings
from streaming import Peak
from table import Row

LOGIN = 'mutation($n: String!) { login(input: {username: $n, password: "seven-green-kites"}) { accessToken errors { code } } }'
EACH_SECOND = 50


def logins(settings: Settings, send: str) -> Row:
    """Sending with and without 50 logins each second, in turn on one server."""
    with servers.jeton(settings.jeton, settings=settings.config) as jeton:
        asked = [
            post(jeton.port, "/graphql", {"query": send, "variables": {"m": f"What do you do all day long? ({number})"}}, user.access)
            for number, user in enumerate(jeton.users * 4)
        ]
        alone = Contender("sending", jeton.port, asked, jeton.pid, jeton.stored)
        beside = Contender(f"beside {EACH_SECOND} logins/s", jeton.port, asked, jeton.pid, jeton.stored)
        alone.load(1, settings.clients)
        alone.rounds.clear()
        for _ in range(settings.rounds):
            for contender in (alone, beside):
                with Peak(jeton.pid) as peak:
                    if contender is alone:
                        told = alone.load(settings.seconds, settings.clients)
                    else:
                        with Flood(jeton) as flood:
                            told = beside.load(settings.seconds, settings.clients)
                        told |= flood.told()
                told["peak_mb"] = peak.kib / 1024
        rest = memory(jeton.pid) / 1024
    figures = {
        one.name: {
            figure: statistics.median(told[figure] for told in one.rounds)
            for figure in ("rate", "p50_ms", "p99_ms", "peak_mb", "asked_per_s", "logins_per_s", "failed", "login_p50_ms")
            if figure in one.rounds[0]
        }
        for one in (alone, beside)
    }
    figures[beside.name]["afterwards_mb"] = rest
    kept = statistics.median(b["rate"] / a["rate"] for a, b in zip(alone.rounds, beside.rounds, strict=True))
    rounds = {one.name: one.rounds for one in (alone, beside)}
    return Row("logins", "sendMessage during a flood of logins (argon2id)", figures, {"beside / alone": kept}, rounds)


class Flood:
    """A fixed rate of logins, whether or not those before were answered: each of another user, with the right
    password."""

    def __init__(self, jeton: servers.Jeton) -> None:
        self.jeton, self.over = jeton, threading.Event()
        self.asked = self.failed = 0
        self.took: list[float] = []

    def __enter__(self) -> Flood:
        self.began = time.monotonic()
        self.threads = ThreadPoolExecutor(400)
        self.pace = threading.Thread(target=self.ask)
        self.pace.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.pace.join()
        self.seconds = time.monotonic() - self.began
        self.answered = len(self.took)
        # Those that wait still are answered before the next round.
        self.threads.shutdown()

    def ask(self) -> None:
        while not self.over.wait(max(0.0, self.began + self.asked / EACH_SECOND - time.monotonic())):
            self.threads.submit(self.login, self.jeton.users[self.asked % len(self.jeton.users)].name)
            self.asked += 1

    def login(self, name: str) -> None:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.jeton.port, timeout=120)
        connection.request("POST", "/graphql", json.dumps({"query": LOGIN, "variables": {"n": name}}), {"content-type": "application/json"})
        data = json.loads(connection.getresponse().read()).get("data") or {}
        connection.close()
        if (data.get("login") or {}).get("accessToken"):
            self.took.append(time.monotonic() - began)
        else:
            self.failed += 1

    def told(self) -> dict:
        return {
            "asked_per_s": self.asked / self.seconds,
            "logins_per_s": self.answered / self.seconds,
            "failed": self.failed,
            "login_p50_ms": statistics.median(self.took or [0]) * 1e3,
        }
