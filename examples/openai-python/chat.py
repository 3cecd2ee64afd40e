"""Streams a chat completion with OpenAI's client.

JETON_API_KEY=jt-.. python3 chat.py [MESSAGE]
"""

import os
import sys

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("JETON_URL", "http://127.0.0.1:8000") + "/v1",
    api_key=os.environ["JETON_API_KEY"],
)
stream = client.chat.completions.create(
    model=os.environ.get("JETON_MODEL", "smollm2"),
    messages=[{"role": "user", "content": sys.argv[1] if len(sys.argv) > 1 else "What is the capital of France?"}],
    stream=True,
    stream_options={"include_usage": True},
)
for chunk in stream:
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
    if chunk.usage:
        print(f"\n{chunk.usage.prompt_tokens} model tokens read, {chunk.usage.completion_tokens} written")
