"""A scripted service with OpenAI's interface: it follows the script named by the first word of the user's last message.

    plain           answers
    tools           calls two tools
    json            answers with an object, as text
    status 429      answers with this status and an error
    verbose         refuses what it is asked, at length
    flaky           is out of order the first time that it receives a message, then answers
    slow 1.5        answers after this number of seconds
    hang            does not answer
    stall           begins, and stalls
    broken          begins, and is cut off
    error           begins, and then sends an error
    answer 7        answers with these bytes of answers.json, which real servers have sent, however it is asked

What it says is written in an unusual way where JSON and event streams leave a choice, so that it shows when it was
parsed and written again on its way.
"""

from __future__ import annotations

import json
import select
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

KEY = "up-key-with-a-secret"
#: Longest silence, in seconds, where no client disconnects.
SILENCE = 20.0
PAUSE = 0.03
ANSWERS = json.loads((Path(__file__).parent / "answers.json").read_text())

WHOLE = r"""{
  "id": "chatcmpl-up", "object": "chat.completion",  "created": 1760000000, "model": "up-model-0613",
  "choices": [ { "index": 0, "message": %s, "logprobs": null, "finish_reason": "%s" } ],
  "usage": { "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
             "completion_tokens_details": { "reasoning_tokens": 0 } },
  "service_tier": "default", "system_fingerprint": "fp_44709d6fcb", "x_new_field": { "n": 1.50e+1, "s": "\u00fc\/" }
}
"""
MESSAGES = {
    "plain": (r'{ "role":"assistant", "content":"Gr\u00fc\u00dfe, 世界 \ud83d\ude00!", "refusal":null, "annotations":[] }', "stop"),
    "tools": (
        r"""{ "role":"assistant", "content":null, "tool_calls": [
        { "id":"call_1", "type":"function", "function":{ "name":"weather", "arguments":"{\"city\": \"Oslo\"}" } },
        { "id":"call_2", "type":"function", "function":{ "name":"weather", "arguments":"{\"city\": \"Köln\"}" } } ] }""",
        "tool_calls",
    ),
    "json": (r'{ "role":"assistant", "content":"{\"city\":\"Oslo\",\"degrees\":-3}", "refusal":null }', "stop"),
}
DELTAS = {
    "plain": [
        r'{"role":"assistant","content":""}',
        r'{"content":"Gr\u00fc\u00dfe, "}',
        '{"content":"世界"}',
        r'{"content":" \ud83d\ude00!"}',
    ],
    "tools": [
        '{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}]}',
        r'{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}',
        r'{"tool_calls":[{"index":0,"function":{"arguments":" \"Oslo\"}"}}]}',
        '{"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"weather","arguments":""}}]}',
        r'{"tool_calls":[{"index":1,"function":{"arguments":"{\"city\": \"Köln\"}"}}]}',
    ],
    "json": [r'{"role":"assistant","content":""}', r'{"content":"{\"city\":\"Os"}', r'{"content":"lo\",\"degrees\":-3}"}'],
}


def chunk(choices: str, usage: str = "null") -> str:
    return (
        'data: {"id":"chatcmpl-up","object":"chat.completion.chunk","created":1760000000, "model":"up-model-0613",'
        f'"system_fingerprint":"fp_44709d6fcb","x_new_field":1.50e+1,"choices":[{choices}],"usage":{usage}}}'
    )


def events(script: str, show_usage: bool) -> list[str]:
    """An answer in parts. Not every event ends in the same way, and a comment stands between them."""
    choice = '{{"index":0,"delta":{},"logprobs":null,"finish_reason":{}}}'
    parts = [chunk(choice.format(delta, "null")) + "\n\n" for delta in DELTAS[script]]
    parts[1] = parts[1].replace("\n\n", "\r\n\r\n")
    parts.insert(2, ": keep-alive\n\n")
    parts.append(chunk(choice.format("{}", f'"{MESSAGES[script][1]}"')) + "\n\n")
    if show_usage:
        usage = '{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18,"prompt_tokens_details":{"cached_tokens":0}}'
        parts.append(chunk("", usage) + "\n\n")
    return [*parts, "data: [DONE]\n\n"]


def error(message: str, code: str) -> str:
    return json.dumps({"error": {"message": message, "type": "some_error", "param": "tools[0].function", "code": code}})


def said_last(messages: list[dict]) -> str:
    content = next(message["content"] for message in reversed(messages) if message["role"] == "user")
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    heard: ClassVar[Counter[str]] = Counter()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = said_last(asked["messages"])
        script, *words = said.split()
        stream = asked.get("stream", False)
        Handler.heard[said] += 1
        try:
            if self.headers["authorization"] != f"Bearer {KEY}":
                return self.say(401, error(f"wrong key: {self.headers['authorization']}", "invalid_api_key"))
            match script:
                case "status":
                    return self.say(int(words[0]), error(f"It is {words[0]} because of tools[0].", "some_code"))
                case "verbose":
                    return self.say(400, error("Because " * 400 + "of tools[0].", "some_code"))
                case "flaky" if Handler.heard[said] == 1:
                    return self.say(500, error("Out of order.", "server_error"))
                case "hang":
                    return self.wait()
                case "answer":
                    return self.answer(ANSWERS[int(words[0])])
                case "slow":
                    time.sleep(float(words[0]))
                case "stall" | "broken" | "error":
                    return self.fail(script, stream)
            name = script if script in MESSAGES else "plain"
            if stream:
                self.begin()
                for event in events(name, (asked.get("stream_options") or {}).get("include_usage", False)):
                    self.part(event)
                    time.sleep(PAUSE)
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.say(200, WHOLE % MESSAGES[name])
        except OSError:
            # The client has disconnected.
            self.close_connection = True

    def say(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def answer(self, row: dict) -> None:
        """In pieces that keep to no boundary."""
        self.begin(row["kind"])
        body = row["body"].encode()
        for start in range(0, len(body), 7):
            piece = body[start : start + 7]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def begin(self, kind: str = "text/event-stream") -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def part(self, text: str) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text.encode()), text.encode()))

    def fail(self, script: str, stream: bool) -> None:
        self.close_connection = True
        if not stream:
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            self.wfile.write(b'{"id": ')
            return
        self.begin()
        for event in events("plain", False)[:4]:
            self.part(event)
            time.sleep(PAUSE)
        if script == "stall":
            self.wait()
        elif script == "error":
            self.part(f"data: {error('Too much to do.', 'overloaded')}\n\n")
            self.wfile.write(b"0\r\n\r\n")

    def wait(self) -> None:
        """Until the client has disconnected."""
        select.select([self.connection], [], [], SILENCE)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def serve() -> int:
    """Starts it; the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
