"""What the Python suites share: what they know of the servers, and what went over the wires."""

from __future__ import annotations

import base64
import json
import os
import re
import time
import unittest
import urllib.request
import uuid

KNOWN: dict = json.loads(os.environ["SDKS"])
URL, KEY, STRICT_URL, MAX_OUTPUT = KNOWN["url"], KNOWN["key"], KNOWN["strict_url"], KNOWN["max_output"]
TEXT = "Grüße, 世界 😀!"
#: What the scripted upstream says that a call took, which is its price too.
USAGE, COST = (11, 7, 18), 18
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather in a city (°C)",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
USAGE_EVENT = re.compile(r'data: [^\n]*"choices":\[\][^\n]*\n\n')


def said(script: str) -> tuple[str, list[dict]]:
    """A mark by which the calls are found again, and messages for the scripted upstream."""
    mark = uuid.uuid4().hex[:12]
    return mark, [{"role": "system", "content": "Be brief — “ok”?"}, {"role": "user", "content": f"{script} {mark}"}]


def calls(mark: str) -> tuple[list[dict], list[dict]]:
    """What was sent to Jeton with this mark, and what Jeton sent on, with the answers."""
    with urllib.request.urlopen(f"{KNOWN['calls']}/{mark}", timeout=10) as answer:
        found = json.load(answer)
    return found["sent"], found["upstream"]


def ask(query: str) -> dict:
    """A query of the suite's user."""
    body = json.dumps({"query": query}).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {KNOWN['reader']}"}
    with urllib.request.urlopen(urllib.request.Request(KNOWN["graphql"], body, headers), timeout=10) as answer:
        return json.load(answer)["data"]


def balance() -> int:
    """What can be spent once nothing is held any more."""
    for _ in range(200):
        found = ask("{ me { balance { tokens held } } }")["me"]["balance"]
        if int(found["held"]) == 0:
            return int(found["tokens"])
        time.sleep(0.05)
    raise AssertionError("something is held for ever")


def chat(call: dict) -> dict:
    """What Jeton has written about a call."""
    balance()
    identity = base64.urlsafe_b64encode(f"Chat:{call['answer']['headers']['x-jeton-chat-id']}".encode()).decode().rstrip("=")
    return ask(f'{{ chat(id: "{identity}") {{ status cost usage {{ input output estimated }} }} }}')["chat"]


def replaced(sent: str) -> str:
    """What is to arrive at the upstream: the call as it was sent, with the documented replacements."""
    call = json.loads(sent)
    text, count = re.subn(r'("model":\s*)"(?:gpt|flaky)"', r'\1"up-model"', sent, count=1)
    assert count == 1, sent
    added = ""
    if call.get("max_tokens") is None and call.get("max_completion_tokens") is None:
        added += f'"max_tokens":{MAX_OUTPUT},'
    else:
        text = re.sub(r'("max_(?:completion_)?tokens":\s*)(\d+)', lambda found: f"{found[1]}{min(int(found[2]), MAX_OUTPUT)}", text)
    if call.get("stream") and not (call.get("stream_options") or {}).get("include_usage"):
        assert "stream_options" not in call, "which this does not do"
        added += '"stream_options":{"include_usage":true},'
    return "{" + added + text[1:]


class Case(unittest.TestCase):
    maxDiff = None

    def assert_passed_on(self, mark: str, shows_usage: bool = True) -> dict:
        """One call went through, and so did its answer: byte for byte, but for what is documented."""
        found = calls(mark)
        self.assertEqual((len(found[0]), len(found[1])), (1, 1))
        (sent,), (received,) = found
        self.assertEqual(received["request"]["body"], replaced(sent["request"]["body"]))
        self.assertEqual(received["request"]["headers"]["authorization"], f"Bearer {KNOWN['upstream_key']}")
        self.assertNotIn(KEY, json.dumps(received["request"]))
        expected = received["answer"]["body"]
        if not shows_usage:
            expected, count = USAGE_EVENT.subn("", expected)
            self.assertEqual(count, 1)
        self.assertEqual(sent["answer"]["body"], expected)
        usage = {"input": USAGE[0], "output": USAGE[1], "estimated": False}
        self.assertEqual(chat(sent), {"status": "DONE", "cost": COST, "usage": usage})
        return sent

    def assert_calls(self, mark: str, sent: int, upstream: int) -> None:
        found = calls(mark)
        self.assertEqual((len(found[0]), len(found[1])), (sent, upstream))
