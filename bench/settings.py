"""What is to be measured, and how."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass
class Peer:
    """Another gateway in front of the same mock: `name=http://127.0.0.1:3000/openai/v1#its-name-of-the-model`."""

    name: str
    port: int
    path: str
    model: str

    @classmethod
    def parse(cls, text: str) -> Peer:
        name, _, url = text.partition("=")
        parts = urlsplit(url)
        if parts.hostname not in ("127.0.0.1", "localhost"):
            raise SystemExit(f"bench: {text}: a peer is name=url, with a url of this machine")
        return cls(name, parts.port or 80, parts.path.rstrip("/") + "/chat/completions", parts.fragment or "mock")


@dataclass
class Settings:
    """What the environment of `make bench` says."""

    jeton: Path
    rows: list[str]
    rounds: int
    seconds: int
    clients: int
    streams: int
    peers: list[Peer]
    # Lines of jeton.toml beside the bench's own.
    config: str
    profile: bool

    @classmethod
    def from_environment(cls, jeton: Path) -> Settings:
        get = os.environ.get
        return cls(
            jeton=Path(get("JETON") or jeton).resolve(),
            rows=[row for row in (get("ROWS") or "").split(",") if row],
            rounds=int(get("ROUNDS") or 5),
            # wrk knows whole seconds only.
            seconds=int(get("SECONDS_EACH") or 10),
            clients=int(get("CLIENTS") or 64),
            streams=int(get("STREAMS") or 5000),
            peers=[Peer.parse(peer) for peer in (get("PEERS") or "").split(",") if peer],
            config="\n".join((get("CONFIG") or "").split(";")),
            profile=bool(get("PROFILE")),
        )

    def shown(self) -> dict:
        """For the report: what could change the figures."""
        return {"rounds": self.rounds, "seconds_each": self.seconds, "clients": self.clients, "config": self.config}
