"""Wires that remember: each passes bytes on between two programs, as they come, and can tell later which calls went over it.

A client's hanging up passes too. Calls are found by a mark, a word that a test puts into its messages.
"""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONGEST = 1 << 16


class Wire:
    """From a port of its own to another one."""

    def __init__(self, port: int) -> None:
        self.to = port
        self.connections: list[Connection] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        while True:
            client, _ = self.listener.accept()
            try:
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                client.close()
                continue
            connection = Connection()
            self.connections.append(connection)
            for source, sink, hear in ((client, server, connection.hear), (server, client, connection.answered.extend)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=pass_on, args=(source, sink, hear), daemon=True).start()

    def calls(self, mark: str) -> list[dict]:
        """The calls with this mark, in the order in which they were made."""
        found = []
        for connection in list(self.connections):
            answers = messages(bytes(connection.answered))
            for place, request in enumerate(messages(bytes(connection.asked))):
                if mark in request["body"]:
                    answer = answers[place] if place < len(answers) else None
                    found.append((connection.time_of(request.pop("at")), {"request": request, "answer": answer}))
        return [call for _, call in sorted(found, key=lambda pair: pair[0])]


class Connection:
    """What was said over a connection, and when the client said what."""

    def __init__(self) -> None:
        self.asked, self.answered = bytearray(), bytearray()
        self.times: list[tuple[int, float]] = []

    def hear(self, piece: bytes) -> None:
        self.times.append((len(self.asked), time.monotonic()))
        self.asked += piece

    def time_of(self, offset: int) -> float:
        return max(at for begin, at in self.times if begin <= offset)


def pass_on(source: socket.socket, sink: socket.socket, hear: Callable[[bytes], None]) -> None:
    try:
        while piece := source.recv(LONGEST):
            hear(piece)
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # Both ends notice the end of the connection.
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def messages(data: bytes) -> list[dict]:
    """The HTTP/1.1 messages in these bytes. The last one may be cut off: then it is not complete."""
    found, place = [], 0
    while (end := data.find(b"\r\n\r\n", place)) >= 0:
        first, *lines = data[place:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body, after, complete = body_of(first, headers, data, end + 4)
        if headers.get("content-encoding") == "gzip" and complete:
            body = gzip.decompress(body)
        text = body.decode("utf-8", "backslashreplace")
        status = int(first.split()[1]) if first.startswith("HTTP/") else None
        # What only announces an answer is none.
        if status is None or status >= 200:
            found.append({"at": place, "first": first, "status": status, "headers": headers, "body": text, "complete": complete})
        place = after
    return found


def body_of(first: str, headers: dict[str, str], data: bytes, start: int) -> tuple[bytes, int, bool]:
    """The body that begins here, where it ends, and whether it is complete."""
    if "chunked" in headers.get("transfer-encoding", ""):
        body, place = b"", start
        while size := re.compile(rb"([0-9a-fA-F]+)[^\r\n]*\r\n").match(data, place):
            length, begin = int(size[1], 16), size.end()
            body += data[begin : begin + length]
            place = begin + length + 2
            if length == 0:
                return body, place, len(data) >= place
            if place > len(data):
                break
        return body, len(data), False
    if "content-length" in headers:
        end = start + int(headers["content-length"])
        return data[start:end], end, len(data) >= end
    if first.startswith("HTTP/") and first.split()[1] not in ("204", "304"):
        return data[start:], len(data), True
    return b"", start, True


def serve(wires: dict[str, list[Wire]]) -> int:
    """Tells by HTTP what went over the wires, `GET /<mark>`; the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls = {name: [call for wire in group for call in wire.calls(self.path[1:])] for name, group in wires.items()}
            body = json.dumps(calls).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
