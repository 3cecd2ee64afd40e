#!/usr/bin/env python3
"""Run the programs of examples/ as their pages say, against a server with the real model.

    python3 tests/system/examples.py        the same as `make examples`

A user registers and creates an API key for each program through the public API. The clients are those that the other
suites have installed (tests/system/sdks, tests/system/clients). Each program has to print an answer, and to cost what
one message costs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import graphql_clients
import openai_sdks
from root import ROOT

import local_server
import with_services

EXAMPLES = ROOT / "examples"
MESSAGE = "Name three colours."
#: Seconds that a program may take.
TIMEOUT = 120
MAX_OUTPUT = 32

REGISTER = 'mutation { register(input: {username: "mia", password: "seven-green-kites"}) { accessToken } }'
KEY = """mutation($name: String!, $scope: Scope!) { createApiKey(input: {name: $name, scopes: [$scope]})
    { secret errors { message } } }"""
BALANCE = "{ balance { tokens held } }"
#: Of a message to the model, by default.
PRICE = 100


def key(url: str, access: str, name: str, scope: str) -> str:
    """Creates an API key."""
    created = graphql_clients.post(url, KEY, access, name=name, scope=scope)["createApiKey"]
    if not created["secret"]:
        sys.exit(f"examples: {created['errors']}")
    return created["secret"]


def run(folder: Path, command: list[str | Path], url: str, secret: str) -> str:
    """Runs a program; returns what it prints."""
    environment = os.environ | {"JETON_URL": url, "JETON_API_KEY": secret, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        [*command, MESSAGE], check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT
    )
    name = Path(command[-1]).name
    if done.returncode != 0 or not done.stdout.strip():
        sys.exit(f"examples: {name} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    print(f"{name}: {done.stdout.strip()!r}", flush=True)
    return done.stdout


def balance(url: str, access: str) -> int:
    """Returns the balance once nothing is held."""
    for _ in range(200):
        found = graphql_clients.post(url, BALANCE, access)["balance"]
        if found["held"] == 0:
            return found["tokens"]
        time.sleep(0.05)
    sys.exit("examples: tokens are still held")


def check_curl(url: str, access: str) -> None:
    secret = key(url, access, "curl", "WRITE")
    answer = json.loads(run(EXAMPLES / "curl", [EXAMPLES / "curl/chat.sh"], url, secret))
    if answer["message"] != MESSAGE or not answer["response"]:
        sys.exit(f"examples: chat.sh printed {answer}")


def check_openai(url: str, access: str) -> None:
    secret = key(url, access, "openai", "COMPLETIONS")
    printed = run(EXAMPLES / "openai-python", [openai_sdks.PYTHON, "chat.py"], url, secret)
    if "model tokens read" not in printed:
        sys.exit(f"examples: chat.py printed no usage: {printed}")


def check_graphql_ws(url: str, access: str) -> None:
    secret = key(url, access, "graphql-ws", "WRITE")
    # Node looks for packages beside the program.
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copytree(EXAMPLES / "graphql-ws-node", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
        (folder / "node_modules").symlink_to(graphql_clients.CLIENTS / "node_modules")
        printed = run(folder, ["node", "reply_stream.mjs"], url, secret)
    if f"cost {PRICE}, balance " not in printed:
        sys.exit(f"examples: reply_stream.mjs printed no cost: {printed}")


def check_webhook(server: local_server.LocalServer) -> None:
    """Adds a webhook, starts the receiver with its secret, and sends a test to it."""
    jeton, port = local_server.binary(), with_services.free_port()
    command = [str(jeton), "webhook", "add", "mine", f"http://127.0.0.1:{port}/", "--json"]
    added = subprocess.run(command, check=True, env=server.environment, capture_output=True, text=True)
    environment = os.environ | {"JETON_WEBHOOK_SECRET": json.loads(added.stdout)["secret"]}
    receiver = [sys.executable, str(EXAMPLES / "webhook-python/receiver.py"), str(port)]
    with subprocess.Popen(receiver, env=environment, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            running.stdout.readline()
            subprocess.run([jeton, "webhook", "test", "mine"], check=True, env=server.environment)
            printed = running.stdout.readline()
        finally:
            running.terminate()
    print(f"receiver.py: {printed.strip()!r}", flush=True)
    if " webhook.test " not in printed:
        sys.exit("examples: receiver.py printed no event")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for number in with_services.SIGNALS:
        signal.signal(number, with_services.leave)
    openai_sdks.install()
    graphql_clients.install()
    settings = local_server.model_settings(MAX_OUTPUT) | {"WEBHOOKS__ALLOW_PRIVATE_NETWORKS": "true"}
    with local_server.serving(local_server.binary(), settings) as server:
        check_webhook(server)
        access = graphql_clients.post(server.url, REGISTER)["register"]["accessToken"]
        for check in (check_curl, check_openai, check_graphql_ws):
            before = balance(server.url, access)
            check(server.url, access)
            if (cost := before - balance(server.url, access)) != PRICE:
                sys.exit(f"examples: {check.__name__} cost {cost}, not {PRICE}")
    print("the examples work")


if __name__ == "__main__":
    main()
