#!/usr/bin/env python3
"""Follow replies of the real model with the official graphql-ws and graphql-sse clients, and audit GraphQL over HTTP.

    python3 tests/system/graphql_clients.py        the same as `make clients`

Each reply is followed by three processes one after the other: the first drops its connection after some deltas, the second
continues behind the last of them and drops too, the third receives the rest and the end. What they received is joined and
compared with the chat's response, byte for byte. Once over WebSocket, Server-Sent Events and WebSocket again, once the
other way round. That deltas come one by one is shown by the time between the first and the last.

The audits are those of the package graphql-http, the specification's own reference. Generated documents are judged by
graphql-js too, and both have to agree on which are valid. The description of the REST routes is judged by a validator of
OpenAPI.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import urllib.request

from root import ROOT

import local_server
import with_services

CLIENTS = ROOT / "tests/system/clients"
START = "mutation($m: String!) { startMessage(input: {message: $m}) { chat { id status } errors { message } } }"
REGISTER = 'mutation { register(input: {username: "mia", password: "seven-green-kites"}) { accessToken } }'
CHAT = "query($id: ID!) { chat(id: $id) { response status cost usage { output } } }"


def post(url: str, query: str, access: str | None = None, **variables: object) -> dict:
    headers = {"Content-Type": "application/json"}
    if access:
        headers["Authorization"] = f"Bearer {access}"
    body = json.dumps({"query": query, "variables": variables}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/graphql", body, headers), timeout=60) as answer:
        answered = json.load(answer)
    if answered.get("errors"):
        sys.exit(f"clients: {answered['errors']}")
    return answered["data"]


def follow(transport: str, url: str, access: str, chat: str, after: int, drop_after: int | None = None) -> dict:
    command = ["node", "follow.mjs", transport, url, access, chat, str(after), *([str(drop_after)] if drop_after else [])]
    done = subprocess.run(command, cwd=CLIENTS, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    return json.loads(done.stdout)


def check(url: str, access: str, transports: list[str], message: str) -> None:
    chat = post(url, START, access, m=message)["startMessage"]["chat"]["id"]
    text, position, parts, balance = "", 0, 0, None
    for transport, drop_after in zip(transports, [5, 5, None], strict=True):
        received = follow(transport, url, access, chat, position, drop_after)
        for part in received["parts"]:
            if part["offset"] != position:
                sys.exit(f"clients: a part begins at {part['offset']}, not at {position}")
            text, position = text + part["text"], part["seq"]
        parts += len(received["parts"])
        times = [part["at"] for part in received["parts"]]
        between = f"{times[0]} ms to {times[-1]} ms after it began" if times else "nothing"
        print(f"  {transport}: {len(times)} parts, {between}{'' if received['end'] else ', then dropped'}", flush=True)
        balance = received["end"] and received["end"]["balance"]
    stored = post(url, CHAT, access, id=chat)["chat"]
    if text.encode() != stored["response"].encode() or received["end"]["chat"]["response"] != stored["response"]:
        sys.exit(f"clients: received {text!r}\nstored {stored['response']!r}")
    print(f"  {len(text.encode())} bytes in {parts} parts, equal to chat.response; {stored['status']}, balance {balance}", flush=True)


def install() -> None:
    """Installs the clients in their folder."""
    subprocess.run(["npm", "ci", "--silent"], cwd=CLIENTS, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-output", type=int, default=150, help="the longest reply, in the model's own units")
    options = parser.parse_args()
    for number in with_services.SIGNALS:
        signal.signal(number, with_services.leave)
    install()
    with local_server.serving(local_server.binary(), local_server.model_settings(options.max_output)) as server:
        url = server.url
        subprocess.run(["node", "audits.mjs", url], cwd=CLIENTS, check=True, timeout=120)
        subprocess.run(["node", "validation.mjs", url], cwd=CLIENTS, check=True, timeout=300)
        subprocess.run(["node", "openapi.mjs", url], cwd=CLIENTS, check=True, timeout=60)
        access = post(url, REGISTER)["register"]["accessToken"]
        check(url, access, ["ws", "sse", "ws"], "Write a long story about a lighthouse keeper and a whale.")
        check(url, access, ["sse", "ws", "sse"], "Explain how rain is made, in many words.")
    print("the official clients received every byte once")


if __name__ == "__main__":
    main()
