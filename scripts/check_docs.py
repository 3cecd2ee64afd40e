#!/usr/bin/env python3
"""Check the documentation: links, paths, and the commands that are marked as runnable.

    python3 scripts/check_docs.py [--no-run] [FILE ...]      the same as `make docs`

Of every Markdown file that Git tracks, or would:

  - each internal link and image leads to a file of the repository, and each anchor to a heading (as GitHub names them);
  - each path in backticks that begins with a folder of the repository, or ends with `/` or like a source file, exists.
    `*`, `{a,b}` and words in capitals stand for something else; `file.rs::name` has to name something in that file. The
    changelog is spared: it names what was there;
  - each block whose fence says `sh runnable` runs without a failing command, against a server that was started for the
    page, with a data directory of its own and the small model.

The blocks of a page are one script for bash, so that later ones may use variables of earlier ones. It ends at the first
command that fails. http://127.0.0.1:8000 and http://localhost:8000 stand for the server, `jeton` is the tested binary and
knows its data, and a rejected request of curl fails. The script runs in a temporary folder that has the folders of the
repository in it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import fetch_model
import local_server
import with_services

ROOT = Path(__file__).resolve().parent.parent
#: Seconds that the commands of a page may take.
PAGE_TIMEOUT = 180
#: The longest answers of the model, in model tokens.
MAX_OUTPUT = 32
#: Files that are looked for by their names alone.
SOURCE = re.compile(r"\.(rs|py|mjs|tsx?|lua)$")
#: A page that names files of the past.
HISTORY = "CHANGELOG.md"

FENCE = re.compile(r"^(\s*(?:>\s*)*)(`{3,}|~{3,})\s*(.*?)\s*$")
HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
#: `[text](target "title")`, also as an image; the text may hold an image.
LINK = re.compile(r"\]\(\s*<?([^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*)>?(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)")
REFERENCE = re.compile(r"^ {0,3}\[([^\]^]+)\]:\s*<?(\S+?)>?(?:\s|$)", re.MULTILINE)
REFERRED = re.compile(r"\]\[([^\]]+)\]")
ATTRIBUTE = re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
ANCHOR = re.compile(r"<[a-z][^>]*?\b(?:id|name)\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
PATH = re.compile(r"^[\w.@*{},/+-]+$")
#: A part of a path that stands for others: `TARGET`, `mYYYYMMDD_name.rs`, `..`.
PLACEHOLDER = re.compile(r"^[A-Z][A-Z_]+$|[A-Z]{4,}.*\.(rs|py|mjs|tsx?)$|\.\.\.|^\.\.$")
LINES = re.compile(r"^L\d+(-L\d+)?$")

#: Says which line of the page failed.
PRELUDE = "trap 'echo \"$PAGE:$LINENO: exit code $?: $BASH_COMMAND\" >&2' ERR"


@dataclass
class Page:
    """A Markdown file."""

    path: Path
    #: Its text with the lines of fenced blocks blanked, so that places keep their lines.
    prose: str
    anchors: set[str]
    #: The runnable blocks, each at its own lines; all else is blank.
    script: list[str]
    runnable: int
    errors: list[str] = field(default_factory=list)

    @cached_property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        """The prose without code and comments, which have no links."""
        return blanked(COMMENT, blanked(CODE, self.prose))

    def error(self, place: int, message: str) -> None:
        """Notes an error at an offset in the prose."""
        self.errors.append(f"{self.name}:{self.prose.count(chr(10), 0, place) + 1}: {message}")


def blanked(pattern: re.Pattern[str], text: str) -> str:
    """Returns the text with all matches replaced by blanks; ends of lines stay."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def read(path: Path) -> Page:
    """Reads a page and takes it apart."""
    prose: list[str] = []
    script: list[str] = []
    errors: list[str] = []
    runnable, fence, runs, indent, opened = 0, "", False, "", 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = FENCE.match(line)
        if not fence and match:
            indent, fence, info = match[1], match[2], match[3].split()
            runs, opened = "runnable" in info[1:], number
            if runs and info[0] != "sh":
                errors.append(f"{path.relative_to(ROOT)}:{number}: only blocks of `sh` can be runnable, not of `{info[0]}`")
                runs = False
            runnable += runs
        elif fence and match and match[2].startswith(fence) and not match[3]:
            fence, runs = "", False
        elif fence:
            script.append(line.removeprefix(indent) if runs else "")
            prose.append("")
            continue
        else:
            prose.append(line)
            script.append("")
            continue
        prose.append("")
        script.append("")
    if fence:
        errors.append(f"{path.relative_to(ROOT)}:{opened}: the block has no end")
    text = "\n".join(prose)
    return Page(path, text, anchors_of(text), script, runnable, errors)


def anchors_of(prose: str) -> set[str]:
    """Returns the anchors of a page: its headings as GitHub names them, and explicit ones."""
    seen: Counter[str] = Counter()
    anchors = set(ANCHOR.findall(prose))
    lines = prose.split("\n")
    headings = [match[2] for line in lines if (match := HEADING.match(line))]
    headings += [line for line, below in pairwise(lines) if line.strip() and re.match(r"^ {0,3}(=+|-{2,})\s*$", below)]
    for heading in headings:
        slug = slug_of(heading)
        anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return anchors


def slug_of(heading: str) -> str:
    """Returns the anchor of a heading: the text in lower case, without punctuation, with hyphens for blanks."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"<[^>]+>", "", text).replace("`", "").replace("*", "")
    return re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")


class Repository:
    """The files that Git tracks or would track."""

    def __init__(self) -> None:
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        self.files = {name for name in names if name and (ROOT / name).is_file()}
        self.folders = {str(parent) for name in self.files for parent in Path(name).parents} - {"."}
        self.names = {Path(name).name for name in self.files}
        self.top = {folder for folder in self.folders if "/" not in folder}

    def pages(self) -> list[Path]:
        return sorted(ROOT / name for name in self.files if name.endswith(".md"))

    def has(self, path: str) -> bool:
        return path in self.files or path in self.folders or path in ("", ".")

    def ends(self, path: str) -> bool:
        """Whether a folder has this name, or this end of its path."""
        return any(f"/{folder}".endswith(f"/{path}") for folder in self.folders)

    def ignores(self, path: str) -> bool:
        """Whether it is a folder that builds and servers make."""
        return subprocess.run(["git", "check-ignore", "--quiet", f"{path}/"], cwd=ROOT, check=False).returncode == 0

    def matches(self, pattern: str) -> bool:
        """Whether a path with `*` stands for a file or folder."""
        rule = re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
        return any(re.fullmatch(rule, path) for path in self.files | self.folders)


def alternatives(pattern: str) -> list[str]:
    """Returns the paths that `{a,b}` stands for."""
    if not (match := re.search(r"\{([^{}]*)\}", pattern)):
        return [pattern]
    head, tail = pattern[: match.start()], pattern[match.end() :]
    return [path for choice in match[1].split(",") for path in alternatives(f"{head}{choice.strip()}{tail}")]


def check_links(page: Page, pages: dict[Path, Page], repository: Repository) -> None:
    """Checks the internal links of a page."""
    text = page.text
    defined = {label.lower() for label, _ in REFERENCE.findall(text)}
    for match in REFERRED.finditer(text):
        if match[1].lower() not in defined:
            page.error(match.start(), f"the reference [{match[1]}] is not defined")
    found = [(match.start(), match[1]) for pattern in (LINK, ATTRIBUTE) for match in pattern.finditer(text)]
    found += [(match.start(), match[2]) for match in REFERENCE.finditer(text)]
    for place, target in found:
        is_external = re.match(r"^([a-z][a-z0-9+.-]*:|//)", target, re.IGNORECASE)
        if not is_external and (problem := problem_of_link(page, target, pages, repository)):
            page.error(place, f"{target or '()'}: {problem}")


def problem_of_link(page: Page, target: str, pages: dict[Path, Page], repository: Repository) -> str | None:
    path, _, anchor = target.partition("#")
    path = unquote(path)
    base = ROOT if path.startswith("/") else page.path.parent
    file = Path(os.path.normpath(base / path.lstrip("/"))) if path else page.path
    if not file.is_relative_to(ROOT) or not target:
        return "leads out of the repository" if target else "an empty link"
    if not repository.has(str(file.relative_to(ROOT))):
        return "no such file in the repository"
    if not anchor:
        return None
    if file in pages:
        return None if unquote(anchor) in pages[file].anchors else "no such heading"
    return None if file.is_file() and LINES.match(anchor) else "no such anchor"


def check_paths(page: Page, repository: Repository) -> None:
    """Checks the paths in backticks."""
    for match in CODE.finditer(page.prose):
        code = match[2].strip()
        name, _, item = code.partition("::")
        name = re.sub(r":\d+(-\d+)?$", "", name)
        if PATH.match(name) and not any(PLACEHOLDER.search(part) for part in name.split("/")):
            for path in alternatives(name):
                if problem := problem_of_path(page, path, item, repository):
                    page.error(match.start(), f"`{code}`: {problem}")


def problem_of_path(page: Page, path: str, item: str, repository: Repository) -> str | None:
    """Returns what is wrong with a path; nothing where it does not look like one of the repository."""
    bare = path.rstrip("/").removeprefix("./")
    is_source = bool(SOURCE.search(bare))
    is_folder = path.endswith("/") and bool(bare)
    is_below_top = "/" in path.strip("./") and bare.split("/")[0] in repository.top
    if path.startswith("/") or not (is_source or is_folder or is_below_top):
        return None
    beside = os.path.normpath(str(page.path.parent.relative_to(ROOT) / Path(bare)))
    found = [name for name in (bare, beside) if repository.has(name) or ("*" in name and repository.matches(name))]
    if is_source and not found:
        # By its name, or by the end of its path.
        found = [name for name in repository.files if f"/{name}".endswith(f"/{bare}")]
        if "*" in bare and repository.matches(f"**/{bare}"):
            return None
    if is_folder and not found and (repository.ends(bare) or repository.ignores(bare)):
        return None
    if not found:
        return "no such file in the repository"
    word = re.split(r"\W", item)[0]
    if word and not any((ROOT / name).is_file() and re.search(rf"\b{word}\b", (ROOT / name).read_text()) for name in found):
        return f"there is no {word} in it"
    return None


def run_page(page: Page, settings: dict[str, str], repository: Repository) -> bool:
    """Runs the blocks of a page on a new server; whether all commands succeeded."""
    start = time.monotonic()
    with local_server.serving(local_server.binary(), settings) as server, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in repository.top:
            (folder / name).symlink_to(ROOT / name)
        for name in ("bin/jeton", "target/debug/jeton", "target/release/jeton"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(local_server.binary())
        curl = folder / "bin/curl"
        curl.write_text(f'#!/bin/sh\nexec {shutil.which("curl")} --fail-with-body "$@"\n')
        curl.chmod(0o755)
        # A fence is above the first block: the first line is free.
        lines = [PRELUDE, *page.script[1:]]
        script = re.sub(r"http://(127\.0\.0\.1|localhost):8000\b", server.url, "\n".join(lines))
        environment = server.environment | {"PAGE": page.name, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
        command = ["bash", "-Eeuo", "pipefail", "-c", script, page.name]
        child = subprocess.Popen(
            command, cwd=folder, env=environment, text=True, errors="replace", start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            output, _ = child.communicate(timeout=PAGE_TIMEOUT)
        except BaseException as problem:
            os.killpg(child.pid, signal.SIGKILL)
            output, _ = child.communicate()
            if not isinstance(problem, subprocess.TimeoutExpired):
                raise
            output += f"\n{page.name}: not finished after {PAGE_TIMEOUT} s"
    passed = child.returncode == 0
    if not passed:
        print(output.rstrip())
    took = time.monotonic() - start
    print(f"{page.name}: {page.runnable} runnable blocks {'passed' if passed else 'FAILED'}, {took:.1f} s", flush=True)
    return passed


def run_pages(pages: list[Page], repository: Repository) -> bool:
    """Runs the blocks of all pages; whether all succeeded."""
    if not shutil.which("curl"):
        sys.exit("check_docs: curl is not installed")
    if not local_server.binary().is_file():
        sys.exit(f"check_docs: there is no {local_server.binary()}; build it first, or name one by JETON_TEST_BINARY")
    try:
        settings = local_server.model_settings(MAX_OUTPUT)
    except fetch_model.FetchError as problem:
        if with_services.STRICT:
            sys.exit(f"check_docs: {problem}; with CI=true nothing may be skipped")
        print(f"check_docs: {problem}; the model `echo` answers instead")
        settings = {}
    # All of them, also after one that failed.
    passed = [run_page(page, settings, repository) for page in pages]
    return all(passed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-run", action="store_true", help="check links and paths only")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="all pages where none is named")
    options = parser.parse_args()
    for number in with_services.SIGNALS:
        signal.signal(number, with_services.leave)
    repository = Repository()
    pages = {path: read(path) for path in repository.pages()}
    chosen = [pages[path.resolve()] for path in options.files] or list(pages.values())
    for page in chosen:
        check_links(page, pages, repository)
        if page.path.name != HISTORY:
            check_paths(page, repository)
    errors = [error for page in chosen for error in page.errors]
    print("\n".join([*errors, f"{len(chosen)} pages, {len(errors)} wrong links and paths"]), flush=True)
    runnable = [page for page in chosen if page.runnable]
    passed = options.no_run or run_pages(runnable, repository)
    sys.exit(0 if passed and not errors else 1)


if __name__ == "__main__":
    main()
