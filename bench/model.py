"""The row about the local model: how fast it answers, against candle's own example on the same file."""

from __future__ import annotations

import json
import statistics
import subprocess
import time

import servers
from load import Wrong
from settings import Settings
from table import Row

SEND = """mutation($m: String!, $c: ID) { sendMessage(input: {message: $m, model: "local", conversationId: $c}) {
    chat { status usage { input output } } errors { message } } }"""
CONVERSE = "mutation { createConversation(input: {}) { conversation { id } } }"
QUESTIONS = (
    "What is the capital of France, and what is it known for?",
    "Explain in a few sentences how rain comes about.",
    "Give me three reasons to learn to play an instrument, and say for each of them what it would change in a life.",
    "Write a short letter to a friend who has moved to another town.",
)


def model(settings: Settings) -> Row:
    """Whole answers of the local model, in seconds, each compared with candle's example for as many model tokens."""
    path = servers.ROOT / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
    if not path.exists():
        raise Wrong("there is no local model (make model)")
    local = f'[models.local]\nprovider = "local"\npath = "{path}"\nprice = {{ per_message = 100 }}\n'
    with servers.jeton(settings.jeton, settings=f"{settings.config}\n{local}") as jeton:
        user = jeton.users[0]
        ask(jeton.port, user.access, "Hello", None)
        ours, theirs, later = [], [], []
        for _ in range(settings.rounds):
            alone = [ask(jeton.port, user.access, question, None) for question in QUESTIONS]
            conversation = servers.ask(jeton.port, CONVERSE, user.access)["createConversation"]["conversation"]["id"]
            talk = [ask(jeton.port, user.access, question, conversation) for question in QUESTIONS]
            ours.append(summed(alone))
            later.append(summed(talk[1:]))
            theirs.append((example(path, alone), example(path, talk[1:])))
    median = statistics.median
    figures = {
        "candle's example": {"tokens_s": median(tokens / alone for (tokens, _), (alone, _) in zip(ours, theirs, strict=True))},
        "jeton": {"tokens_s": median(tokens / seconds for tokens, seconds in ours)},
        "candle's example, the whole conversation read again": {
            "tokens_s": median(tokens / talk for (tokens, _), (_, talk) in zip(later, theirs, strict=True))
        },
        "jeton, next messages of a conversation": {"tokens_s": median(tokens / seconds for tokens, seconds in later)},
    }
    ratios = {
        "jeton / candle's example": median(alone / seconds for (_, seconds), (alone, _) in zip(ours, theirs, strict=True)),
        "the same in a conversation": median(talk / seconds for (_, seconds), (_, talk) in zip(later, theirs, strict=True)),
    }
    return Row("model", f"whole answers of the local model, tokens written a second ({path.name})", figures, ratios)


def ask(port: int, access: str, message: str, conversation: str | None) -> tuple[int, int, float]:
    """Tokens read, tokens written, and the seconds until the answer was there."""
    begun = time.monotonic()
    chat = servers.ask(port, SEND, access, m=message, c=conversation)["sendMessage"]["chat"]
    took = time.monotonic() - begun
    if chat["status"] != "DONE":
        raise Wrong(f"the local model did not answer: {chat}")
    return chat["usage"]["input"], chat["usage"]["output"], took


def summed(answers: list[tuple[int, int, float]]) -> tuple[int, float]:
    return sum(written for _, written, _ in answers), sum(took for _, _, took in answers)


def example(path: object, answers: list[tuple[int, int, float]]) -> float:
    """The seconds that candle's example takes to read and write as much."""
    command = [servers.TARGET / "release/candle", "--model", path, *(f"{read}:{written}" for read, written, _ in answers)]
    said = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True)
    return sum(one["total_s"] for one in json.loads(said.stdout))
