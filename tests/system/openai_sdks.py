#!/usr/bin/env python3
"""Try /v1 with the official clients of OpenAI's API, as they are published: only the address and the key are ours.

    python3 tests/system/openai_sdks.py [SUITE ...]        the same as `make sdks`; the suites are openai, node and chains

The clients (openai for Python and for Node, langchain-openai, litellm) talk to a real server with the real model, and with
a scripted upstream (tests/system/sdks/upstream.py). What goes over the wires before and behind the server is recorded
(tests/system/sdks/recorder.py), so that the suites can hold it against each other byte for byte. A second server, with short
time-outs and few messages in a minute, is there for what takes them. At the end `jeton verify` has to be clean on both.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from root import ROOT

import fetch_model
import with_services

SDKS = ROOT / "tests/system/sdks"
VENV = ROOT / "target" / "sdks-venv"
PYTHON = VENV / "bin" / "python"
BINARY = Path(os.environ.get("JETON_TEST_BINARY", ROOT / "target" / "debug" / "jeton")).resolve()
#: Longest answers of the scripted upstream's models, and of the real one.
MAX_OUTPUT, MAX_REAL_OUTPUT = 500, 24
#: Seconds that a suite may take.
LONGEST = 300

sys.path.insert(0, str(SDKS))
import recorder  # noqa: E402
import upstream  # noqa: E402

COMMANDS: dict[str, list[str | Path]] = {
    "openai": [PYTHON, "-m", "unittest", "test_openai"],
    "node": ["node", "--test", "--test-reporter=tap", "openai.test.mjs"],
    "chains": [PYTHON, "-W", "ignore", "-m", "unittest", "test_chains"],
}
STRICT = """
turns.first_chunk_timeout = "1s"
turns.chunk_timeout = "1s"
turns.turn_timeout = "2s"
limits.messages_per_minute_per_key = 30
"""


class Server:
    """Jeton with data of its own, and a recorded connection to it."""

    def __init__(self, data: Path, model: Path, upstream_port: int, more: str) -> None:
        self.port = with_services.free_port()
        self.config = data / "jeton.toml"
        scripted = f"""
            provider = "openai"
            base_url = "http://127.0.0.1:{upstream_port}/v1"
            api_key_env = "SDKS_UPSTREAM_KEY"
            upstream_model = "up-model"
            price = {{ per_million_input = 1000000, per_million_output = 1000000 }}
            max_output = {MAX_OUTPUT}
            max_retries = 0
            """
        self.config.write_text(
            f"""
            http.listen = "127.0.0.1:{self.port}"
            http.shutdown_grace = "10s"
            data.dir = "{data}"
            ledger.signup_grant = 1000000
            log.filter = "warn"
            {more}
            [models.smollm2]
            provider = "local"
            path = "{model}"
            price = {{ per_message = 100 }}
            max_output = {MAX_REAL_OUTPUT}
            [models.gpt]
            {scripted}
            # After repeated failures the circuit of an upstream opens, and it is not called.
            [models.flaky]
            {scripted}
            circuit_cooldown = "1ms"
            """
        )
        self.log = (data / "log").open("w+")
        self.run("migrate")
        self.process = subprocess.Popen([BINARY, "--config", self.config, "serve"], env=environment(), stdout=self.log, stderr=self.log)
        self.wire = recorder.Wire(self.port)
        self.url = f"http://127.0.0.1:{self.wire.port}/v1"

    def ready(self) -> None:
        for _ in range(600):
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1).close()
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        sys.exit(f"sdks: the server does not start:\n{self.told()}")

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [BINARY, "--config", self.config, *arguments], check=False, env=environment(), capture_output=True, text=True
        )
        if done.returncode != 0:
            sys.exit(f"sdks: jeton {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def key(self, user: str, *scopes: str) -> str:
        scope = [part for name in scopes for part in ("--scope", name)]
        return json.loads(self.run("api-key", "create", user, "--name", "sdks", *scope, "--json"))["secret"]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def told(self) -> str:
        self.log.seek(0)
        return self.log.read()


def environment(**more: str) -> dict[str, str]:
    """Without a way round by a proxy, and without what litellm would fetch."""
    ours = {"SDKS_UPSTREAM_KEY": upstream.KEY, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return os.environ | ours | more


def install() -> None:
    """The clients, in an environment and a folder of their own."""
    requirements = SDKS / "requirements.txt"
    stamp, wanted = VENV / "requirements.sha256", hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not (stamp.is_file() and stamp.read_text() == wanted and PYTHON.exists()):
        print("Installing the Python clients ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        pip: list[str | Path] = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, "-r", requirements], check=True)
        stamp.write_text(wanted)
    subprocess.run(["npm", "ci", "--silent"], cwd=SDKS, check=True)


def versions() -> list[str]:
    """Which clients these are, as the two files pin them."""
    python = [line.replace("==", " ") for line in (SDKS / "requirements.txt").read_text().split()]
    node = json.loads((SDKS / "package.json").read_text())["dependencies"]
    return [*python, *(f"{name} {version} for Node" for name, version in node.items() if name == "openai")]


def settings(suite: str, main: Server, strict: Server, control: int) -> dict:
    """What a suite needs to know. Each has a user of its own, whose balance no other suite touches."""
    for server in (main, strict):
        server.run("user", "create", suite, "--generate")
    main.run("user", "create", f"{suite}-poor", "--generate")
    main.run("user", "set-balance", f"{suite}-poor", "0")
    return {
        "url": main.url,
        "key": main.key(suite, "completions", "read"),
        "reader": main.key(suite, "read"),
        "poor": main.key(f"{suite}-poor"),
        "graphql": f"http://127.0.0.1:{main.port}/graphql",
        "strict_url": strict.url,
        "strict_key": strict.key(suite),
        "limited_key": strict.key(suite),
        "calls": f"http://127.0.0.1:{control}",
        "upstream_key": upstream.KEY,
        "max_output": MAX_OUTPUT,
        "max_real_output": MAX_REAL_OUTPUT,
    }


class Suite:
    """One suite, on its way."""

    def __init__(self, name: str, known: dict) -> None:
        self.name, self.began = name, time.monotonic()
        self.output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by stop
        started = environment(SDKS=json.dumps(known))
        self.process = subprocess.Popen(COMMANDS[name], cwd=SDKS, env=started, stdout=self.output, stderr=self.output)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.output.close()

    def end(self) -> bool:
        """Prints the result; whether all tests passed."""
        took = time.monotonic() - self.began
        self.output.seek(0)
        told = self.output.read()
        count = re.search(r"^(?:Ran|# tests) (\d+)", told, re.MULTILINE)
        known = re.search(r"expected failures=(\d+)|^# todo ([1-9]\d*)", told, re.MULTILINE)
        passed = self.process.returncode == 0 and count is not None and int(count[1]) > 0
        if not passed:
            print(told)
        left = f", {known[1] or known[2]} of them known to fail" if known else ""
        print(f"{self.name}: {count[1] if count else 'no'} tests{left}, {took:.1f} s{'' if passed else ', FAILED'}", flush=True)
        return passed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="all of them where none is named")
    suites = parser.parse_args().suites or list(COMMANDS)
    if unknown := set(suites) - set(COMMANDS):
        sys.exit(f"sdks: there is no suite {', '.join(unknown)}")
    for number in with_services.SIGNALS:
        signal.signal(number, with_services.leave)
    install()
    print(f"Clients: {', '.join(versions())}.", flush=True)
    model = Path(os.environ.get("JETON_TEST_MODEL") or fetch_model.ensure_model()).resolve()
    behind = recorder.Wire(upstream.serve())
    with ExitStack() as stack:

        def start(name: str, more: str) -> Server:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"jeton-sdks-{name}-")))
            server = Server(data, model, behind.port, more)
            stack.callback(server.stop)
            return server

        main_server, strict_server = servers = start("main", ""), start("strict", STRICT)
        for server in servers:
            server.ready()
        control = recorder.serve({"sent": [server.wire for server in servers], "upstream": [behind]})
        known = {suite: settings(suite, main_server, strict_server, control) for suite in suites}
        running = [Suite(name, known[name]) for name in suites]
        for suite in running:
            stack.callback(suite.stop)
        failed, deadline = False, time.monotonic() + LONGEST
        while running:
            time.sleep(0.05)
            late = time.monotonic() > deadline
            for suite in [suite for suite in running if late or suite.process.poll() is not None]:
                failed |= not suite.end()
                running.remove(suite)
        for server in servers:
            server.stop()
            verified = json.loads(server.run("verify", "--json"))
            failed |= not verified["clean"]
            print(f"jeton verify: {'clean' if verified['clean'] else verified}", flush=True)
        if failed:
            for server in servers:
                print(server.told())
            sys.exit("sdks: not everything passed")
    print("the official clients work")


if __name__ == "__main__":
    main()
