#!/usr/bin/env python3
"""Receive the webhooks of a Jeton server: check each signature, and print each event once.

    JETON_WEBHOOK_SECRET=whsec_.. python3 receiver.py [PORT]

Standard library only. The `standardwebhooks` package does what `verify` does here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: Seconds that the time of an attempt may differ from the clock here. An older request may be a copy.
TOLERANCE = 300
#: More than any event has.
MAX_BODY_BYTES = 1 << 20

SECRET = os.environ.get("JETON_WEBHOOK_SECRET", "")
#: The events that were handled. A real receiver keeps them in its database, in the transaction that handles the event.
seen: set[str] = set()


def verify(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Returns whether one of the signatures is valid, and the attempt is recent."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    event_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    signed = f"{event_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # While a secret is rotated, there are two.
    return any(hmac.compare_digest(expected, signature) for signature in headers["webhook-signature"].split())


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(min(length, MAX_BODY_BYTES))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            is_valid = verify(SECRET, headers, body)
        except (KeyError, ValueError):
            is_valid = False
        if is_valid:
            self.handle_event(headers["webhook-id"], json.loads(body))
        # Respond soon, and do what takes long afterwards: an attempt times out after 15 seconds.
        self.send_response(204 if is_valid else 401)
        self.end_headers()

    def handle_event(self, event_id: str, event: dict[str, object]) -> None:
        # An event may come twice, with the same id.
        if event_id not in seen:
            seen.add(event_id)
            print(event_id, event["type"], event["timestamp"], json.dumps(event["data"]), flush=True)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    if not SECRET.startswith("whsec_"):
        sys.exit("set JETON_WEBHOOK_SECRET to the secret of the webhook")
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8099
    server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
