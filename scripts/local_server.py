"""A server of its own for a check: on a free port, with a data directory that is deleted afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import fetch_model
import with_services

#: Seconds that the server may take to start, and to stop.
START_TIMEOUT, STOP_TIMEOUT = 60, 60


@dataclass
class LocalServer:
    """A running server."""

    url: str
    #: For commands: it leads `jeton` to the same data.
    environment: dict[str, str]


def binary() -> Path:
    """Returns the binary to test: JETON_TEST_BINARY, or the one of a debug build."""
    root = Path(__file__).resolve().parent.parent
    return Path(os.environ.get("JETON_TEST_BINARY") or root / "target/debug/jeton").resolve()


def model_settings(max_output: int) -> dict[str, str]:
    """Returns the settings for the small language model, whose longest answer has `max_output` model tokens."""
    model = os.environ.get("JETON_TEST_MODEL") or str(fetch_model.ensure_model())
    return {"MODELS__SMOLLM2__PATH": str(Path(model).resolve()), "MODELS__SMOLLM2__MAX_OUTPUT": str(max_output)}


@contextmanager
def serving(program: Path, settings: dict[str, str]) -> Iterator[LocalServer]:
    """Starts the server; `settings` are configuration keys as the environment spells them, without JETON_."""
    with tempfile.TemporaryDirectory(prefix="jeton-server-") as folder:
        data, log = Path(folder) / "data", Path(folder) / "log"
        port = with_services.free_port()
        own = {"DATA__DIR": str(data), "HTTP__LISTEN": f"127.0.0.1:{port}", "OLLAMA__DETECT": "false", **settings}
        # The caller's own settings are not the check's.
        others = {name: value for name, value in os.environ.items() if not name.startswith("JETON_")}
        environment = others | {f"JETON_{name}": value for name, value in own.items()}
        with log.open("w") as output:
            server = subprocess.Popen([program, "serve"], cwd=folder, env=environment, stdout=output, stderr=output)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(server, url)
            yield LocalServer(url, environment)
        except BaseException:
            print(f"The server's log:\n{log.read_text()}", file=sys.stderr)
            raise
        finally:
            server.terminate()
            try:
                server.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait_until_ready(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("the server does not start")
