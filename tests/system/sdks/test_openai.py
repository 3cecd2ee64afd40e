"""openai for Python, as it is published."""

from __future__ import annotations

import asyncio
import json
import time
import unittest
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import openai
from openai import OpenAI
from pydantic import BaseModel

from support import COST, KEY, KNOWN, MAX_OUTPUT, STRICT_URL, TEXT, TOOLS, URL, USAGE, Case, balance, calls, said

ANSWERS = json.loads((Path(__file__).parent / "answers.json").read_text())
PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Weather(BaseModel):
    city: str
    degrees: int


def client(key: str = KEY, url: str = URL, **options: Any) -> OpenAI:
    """Without the client's own retries, unless a test is about them."""
    return OpenAI(base_url=url, api_key=key, **{"max_retries": 0, **options})


def text_of(content: str | list | None) -> str:
    """Of a message, which may have parts."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content)
    return content or ""


def parts_of(stream: Iterable, texts: list[str] | None = None) -> list[str]:
    """The texts of a stream, as far as they come."""
    texts = [] if texts is None else texts
    for part in stream:
        if part.choices and part.choices[0].delta:
            texts.append(text_of(part.choices[0].delta.content))
    return texts


class SuiteCase(Case):
    def setUp(self) -> None:
        self.client = client()
        self.addCleanup(self.client.close)

    def with_options(self, **options: Any) -> OpenAI:
        made = client(**options)
        self.addCleanup(made.close)
        return made


class Models(SuiteCase):
    def test_list(self) -> None:
        listed = self.client.models.list()
        self.assertEqual({model.id for model in listed}, {"smollm2", "echo", "gpt", "flaky"})
        self.assertEqual({model.object for model in listed}, {"model"})

    def test_retrieve(self) -> None:
        model = self.client.models.retrieve("gpt")
        self.assertEqual((model.id, model.object, model.owned_by), ("gpt", "model", "jeton"))
        with self.assertRaises(openai.NotFoundError) as caught:
            self.client.models.retrieve("none/at-all")
        self.assertEqual((caught.exception.code, caught.exception.param), ("model_not_found", "model"))


class InThisHouse(SuiteCase):
    def test_echo(self) -> None:
        mark, messages = said("Hello")
        made = self.client.chat.completions.with_raw_response.create(model="echo", messages=messages)
        answer = made.parse()
        self.assertEqual(answer.choices[0].message.content, f"AI Response to: Hello {mark}")
        self.assertEqual((answer.object, answer.model, answer.choices[0].finish_reason), ("chat.completion", "echo", "stop"))
        self.assertEqual(made.headers["x-jeton-cost"], "100")
        self.assertTrue(answer.id.endswith(made.headers["x-jeton-chat-id"]))
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)

    def test_echo_in_parts(self) -> None:
        mark, messages = said("Hello")
        parts = list(self.client.chat.completions.create(model="echo", messages=messages, stream=True))
        self.assertEqual("".join(part.choices[0].delta.content or "" for part in parts), f"AI Response to: Hello {mark}")
        self.assertEqual(parts[0].choices[0].delta.role, "assistant")
        self.assertEqual([part.choices[0].finish_reason for part in parts][-1], "stop")
        self.assertEqual(len({part.id for part in parts}), 1)

    def test_real_model(self) -> None:
        _, messages = said("What is the capital of France?")
        before = balance()
        answer = self.client.chat.completions.create(model="smollm2", messages=messages, temperature=0, seed=1)
        self.assertTrue(answer.choices[0].message.content.strip())
        self.assertIn(answer.choices[0].finish_reason, ("stop", "length"))
        self.assertTrue(0 < answer.usage.completion_tokens <= KNOWN["max_real_output"])
        self.assertEqual(before - balance(), 100)
        short = self.client.chat.completions.create(model="smollm2", messages=messages, max_completion_tokens=3)
        self.assertEqual((short.choices[0].finish_reason, short.usage.completion_tokens), ("length", 3))

    def test_real_model_in_parts(self) -> None:
        _, messages = said("Tell me a story about a whale.")
        times, text = [], ""
        usage: Any = None
        stream = self.client.chat.completions.create(
            model="smollm2", messages=messages, stream=True, stream_options={"include_usage": True}
        )
        for part in stream:
            if part.choices and part.choices[0].delta.content:
                times.append(time.monotonic())
                text += part.choices[0].delta.content
            usage = part.usage or usage
        self.assertTrue(len(times) > 5 and text.strip())
        self.assertGreater(times[-1] - times[0], 0.02, "one by one, not all at the end")
        self.assertTrue(0 < usage.completion_tokens <= KNOWN["max_real_output"])

    def test_hanging_up(self) -> None:
        _, messages = said("Tell me a story about a whale.")
        before = balance()
        with self.client.chat.completions.create(model="smollm2", messages=messages, stream=True) as stream:
            next(part for part in stream if part.choices[0].delta.content)
        self.assertEqual(before - balance(), 100)


class PassedOn(SuiteCase):
    def create(self, script: str, **options: Any) -> tuple[str, Any]:
        mark, messages = said(script)
        return mark, self.client.chat.completions.create(model="gpt", messages=options.pop("messages", messages), **options)

    def test_plain(self) -> None:
        before = balance()
        mark, messages = said("plain")
        made = self.client.chat.completions.with_raw_response.create(model="gpt", messages=messages)
        answer = made.parse()
        self.assertEqual((answer.choices[0].message.content, answer.model), (TEXT, "up-model-0613"))
        usage = answer.usage
        self.assertEqual((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), USAGE)
        self.assertEqual(answer.model_extra["x_new_field"], {"n": 15.0, "s": "ü/"})
        self.assert_passed_on(mark)
        self.assertEqual(made.text, calls(mark)[1][0]["answer"]["body"])
        self.assertTrue(made.request_id)
        self.assertEqual(made.headers["x-jeton-cost"], str(COST))
        self.assertEqual(made.headers["x-jeton-tokens-remaining"], str(before - COST))
        self.assertEqual(balance(), before - COST)

    def test_parts_with_usage(self) -> None:
        before = balance()
        mark, stream = self.create("plain", stream=True, stream_options={"include_usage": True})
        parts = list(stream)
        self.assertEqual("".join(part.choices[0].delta.content or "" for part in parts if part.choices), TEXT)
        self.assertEqual([part.usage is not None for part in parts], [False] * (len(parts) - 1) + [True])
        usage = parts[-1].usage
        self.assertEqual((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), USAGE)
        self.assert_passed_on(mark)
        self.assertEqual(balance(), before - COST)

    def test_parts_without_usage(self) -> None:
        before = balance()
        mark, stream = self.create("plain", stream=True)
        parts = list(stream)
        self.assertEqual("".join(part.choices[0].delta.content or "" for part in parts), TEXT)
        self.assertTrue(all(part.choices and part.usage is None for part in parts))
        sent = self.assert_passed_on(mark, shows_usage=False)
        self.assertTrue(sent["answer"]["body"].endswith("data: [DONE]\n\n"))
        self.assertEqual(balance(), before - COST)

    def test_raw_parts(self) -> None:
        mark, messages = said("plain")
        create = self.client.chat.completions.with_streaming_response.create
        with create(model="gpt", messages=messages, stream=True, stream_options={"include_usage": True}) as answer:
            self.assertIn("x-jeton-hold", answer.headers)
            pieces = list(answer.iter_bytes())
        self.assertGreater(len(pieces), 3)
        self.assertEqual(b"".join(pieces).decode(), calls(mark)[1][0]["answer"]["body"])

    def test_tools(self) -> None:
        mark, answer = self.create("tools", tools=TOOLS, tool_choice="auto", parallel_tool_calls=True)
        asked = answer.choices[0].message.tool_calls
        self.assertEqual([call.function.arguments for call in asked], ['{"city": "Oslo"}', '{"city": "Köln"}'])
        self.assertEqual(answer.choices[0].finish_reason, "tool_calls")
        self.assert_passed_on(mark)
        mark, messages = said("plain")
        messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": "call_1", "content": "-3 °C"}]
        answer = self.client.chat.completions.create(model="gpt", messages=messages, tools=TOOLS)
        self.assertEqual(answer.choices[0].message.content, TEXT)
        self.assert_passed_on(mark)

    def test_tools_in_parts(self) -> None:
        mark, stream = self.create("tools", tools=TOOLS, stream=True)
        arguments = {0: "", 1: ""}
        for part in stream:
            for call in part.choices[0].delta.tool_calls or []:
                arguments[call.index] += call.function.arguments
        self.assertEqual(arguments, {0: '{"city": "Oslo"}', 1: '{"city": "Köln"}'})
        self.assert_passed_on(mark, shows_usage=False)

    def test_structured_output(self) -> None:
        mark, messages = said("json")
        answer = self.client.chat.completions.parse(model="gpt", messages=messages, response_format=Weather)
        self.assertEqual(answer.choices[0].message.parsed, Weather(city="Oslo", degrees=-3))
        self.assert_passed_on(mark)

    def test_structured_output_in_parts(self) -> None:
        mark, messages = said("json")
        with self.client.chat.completions.stream(model="gpt", messages=messages, response_format=Weather) as stream:
            answer = stream.get_final_completion()
        self.assertEqual(answer.choices[0].message.parsed, Weather(city="Oslo", degrees=-3))
        self.assert_passed_on(mark, shows_usage=False)

    def test_pictures(self) -> None:
        mark = uuid.uuid4().hex
        picture = {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}}
        messages = [{"role": "user", "content": [{"type": "text", "text": f"plain {mark}"}, picture]}]
        _, answer = self.create("plain", messages=messages)
        self.assertEqual(answer.choices[0].message.content, TEXT)
        self.assertIn(PICTURE, self.assert_passed_on(mark)["request"]["body"])

    def test_unknown_fields(self) -> None:
        extra = {"x_top_k": 1.50e1, "x_nested": {"model": "other", "stream": [True, None]}, "größe": "…"}
        mark, _ = self.create("plain", extra_body=extra, logit_bias={"50256": -100}, seed=7, user="mia")
        self.assert_passed_on(mark)

    def test_limits_of_the_output(self) -> None:
        for limit in ({"max_tokens": 5}, {"max_tokens": 10**6}, {"max_completion_tokens": 6}, {"max_completion_tokens": 10**6}):
            with self.subTest(limit):
                mark, _ = self.create("plain", **limit)
                self.assert_passed_on(mark)
                ((name, value),) = limit.items()
                self.assertIn(f'"{name}":{min(value, MAX_OUTPUT)}', calls(mark)[1][0]["request"]["body"])

    def test_async(self) -> None:
        async def ask() -> None:
            async with openai.AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=0) as client:
                (mark, messages), (other, others) = said("plain"), said("plain")
                create = client.chat.completions.create
                whole = create(model="gpt", messages=messages)
                stream = await create(model="gpt", messages=others, stream=True)
                self.assertEqual("".join([part.choices[0].delta.content or "" async for part in stream]), TEXT)
                self.assertEqual((await whole).choices[0].message.content, TEXT)
                self.assert_passed_on(mark)
                self.assert_passed_on(other, shows_usage=False)

        asyncio.run(ask())


class Errors(SuiteCase):
    def refused(
        self, error: type[Exception], script: str, model: str = "echo", by: OpenAI | None = None, **options: Any
    ) -> tuple[str, openai.APIStatusError]:
        mark, messages = said(script)
        with self.assertRaises(error) as caught:
            (by or self.client).chat.completions.create(**{"model": model, "messages": messages, **options})
        self.assertIs(type(caught.exception), error)
        return mark, caught.exception

    def test_wrong_keys(self) -> None:
        for key in ("jt-000000000000-0", "sk-else"):
            mark, error = self.refused(openai.AuthenticationError, "Hi", by=self.with_options(key=key, max_retries=2))
            self.assertEqual((error.status_code, error.code), (401, "invalid_api_key"))
            self.assert_calls(mark, 1, 0)

    def test_key_for_something_else(self) -> None:
        _, error = self.refused(openai.PermissionDeniedError, "Hi", by=self.with_options(key=KNOWN["reader"]))
        self.assertEqual(error.status_code, 403)

    def test_unknown_model(self) -> None:
        mark, error = self.refused(openai.NotFoundError, "Hi", model="none", by=self.with_options(max_retries=2))
        self.assertEqual((error.status_code, error.code, error.param), (404, "model_not_found", "model"))
        self.assertIn("`none`", error.message)
        self.assertTrue(error.request_id)
        self.assert_calls(mark, 1, 0)

    def test_bad_requests(self) -> None:
        for options, param in (
            ({"messages": []}, "messages"),
            ({"max_tokens": 0}, "max_tokens"),
            ({"temperature": 9}, "temperature"),
            ({"tools": TOOLS}, "tools"),
            ({"response_format": {"type": "json_object"}}, "response_format"),
            ({"extra_body": {"x_unknown": 1}}, "x_unknown"),
        ):
            with self.subTest(param):
                _, error = self.refused(openai.BadRequestError, "Hi", **options)
                self.assertEqual((error.status_code, error.param, error.type), (400, param, "invalid_request_error"))

    def test_bad_request_of_the_upstream(self) -> None:
        before = balance()
        for stream in (False, True):
            mark, error = self.refused(openai.BadRequestError, "status 400", model="gpt", stream=stream)
            self.assertEqual(error.body["message"], "It is 400 because of tools[0].")
            self.assert_calls(mark, 1, 1)
        self.assertEqual(balance(), before)

    # Only the message comes through.
    def test_what_else_the_upstream_says_of_a_bad_request(self) -> None:
        _, error = self.refused(openai.BadRequestError, "status 400", model="gpt")
        self.assertEqual((error.param, error.code), ("tools[0].function", "some_code"))

    # Not even the message comes through.
    def test_bad_request_of_a_verbose_upstream(self) -> None:
        _, error = self.refused(openai.BadRequestError, "verbose", model="gpt")
        self.assertIn("Because Because", error.message)

    def test_routes_that_are_not_there(self) -> None:
        for call in (
            lambda: self.client.responses.create(model="gpt", input="Hi"),
            lambda: self.client.embeddings.create(model="gpt", input="Hi"),
            lambda: self.client.completions.create(model="gpt", prompt="Hi"),
        ):
            with self.assertRaises(openai.NotFoundError) as caught:
                call()
            self.assertEqual(caught.exception.code, "unknown_url")

    def test_empty_balance(self) -> None:
        for model in ("echo", "gpt"):
            mark, error = self.refused(
                openai.APIStatusError, "plain", model=model, by=self.with_options(key=KNOWN["poor"], max_retries=5)
            )
            self.assertEqual((error.status_code, error.code, error.type), (402, "insufficient_quota", "insufficient_quota"))
            self.assertEqual(error.response.headers["x-should-retry"], "false")
            self.assert_calls(mark, 1, 0)

    def test_too_many_messages(self) -> None:
        hasty = self.with_options(key=KNOWN["limited_key"], url=STRICT_URL)
        statuses: list[int] = []
        while len(statuses) < 2:
            with self.assertRaises(openai.RateLimitError) as caught:
                for _ in range(200):
                    hasty.chat.completions.create(model="echo", messages=said("Hi")[1])
            self.assertEqual((caught.exception.status_code, caught.exception.code), (429, "rate_limit_exceeded"))
            self.assertGreater(int(caught.exception.response.headers["retry-after"]), 0)
            # The client waits as long as it is told to, and is heard. By chance it may not have to wait.
            mark, messages = said("Hi")
            self.assertTrue(hasty.with_options(max_retries=2).chat.completions.create(model="echo", messages=messages).choices)
            statuses = [call["answer"]["status"] for call in calls(mark)[0]]
        self.assertEqual(statuses, [429, 200])

    def test_failing_upstream(self) -> None:
        before = balance()
        for told, status, code in (
            (401, 502, "upstream_error"),
            (404, 502, "upstream_error"),
            (429, 503, "model_unavailable"),
            (500, 503, "model_unavailable"),
        ):
            for stream in (False, True):
                with self.subTest(told, stream=stream):
                    mark, error = self.refused(openai.InternalServerError, f"status {told}", model="flaky", stream=stream)
                    self.assertEqual((error.status_code, error.code), (status, code))
                    self.assertNotIn(KNOWN["upstream_key"], str(error))
                    self.assert_calls(mark, 1, 1)
        self.assertEqual(balance(), before)

    def test_upstream_that_does_not_answer(self) -> None:
        strict = self.with_options(key=KNOWN["strict_key"], url=STRICT_URL)
        for stream in (False, True):
            _, error = self.refused(openai.InternalServerError, "hang", model="flaky", by=strict, stream=stream)
            self.assertEqual((error.status_code, error.code), (504, "timeout"))

    def test_failure_midway(self) -> None:
        strict = self.with_options(key=KNOWN["strict_key"], url=STRICT_URL)
        for script, code, by in (
            ("broken", "model_unavailable", self.client),
            ("error", "model_unavailable", self.client),
            ("stall", "timeout", strict),
        ):
            with self.subTest(script):
                _, messages = said(script)
                text = ""
                with self.assertRaises(openai.APIError) as caught:
                    for part in by.chat.completions.create(model="flaky", messages=messages, stream=True):
                        text += part.choices[0].delta.content or ""
                self.assertIs(type(caught.exception), openai.APIError)
                self.assertEqual((text, caught.exception.code), ("Grüße, 世界", code))
                self.assertTrue(caught.exception.message)

    def test_whole_answer_that_breaks_off(self) -> None:
        _, error = self.refused(openai.InternalServerError, "broken", model="flaky")
        self.assertEqual(error.status_code, 503)

    def test_answers_of_real_servers(self) -> None:
        """Text is the upstream's, and asked for once; what is no answer, or is cut off, is an error that can be read."""
        patient = self.with_options(max_retries=2)
        for number, row in enumerate(ANSWERS):
            for stream in (False, True):
                with self.subTest(row["name"], stream=stream):
                    mark, messages = said(f"answer {number}")
                    if "text" in row:
                        made = patient.chat.completions.create(model="flaky", messages=messages, stream=stream)
                        texts = parts_of(made) if stream else [text_of(made.choices[0].message.content)]
                        # Halves of a character come by themselves, and are the reader's to join.
                        joined = "".join(texts).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
                        self.assertEqual(joined, row["text"])
                    else:
                        texts = []
                        with self.assertRaises(openai.APIError) as caught:
                            made = self.client.chat.completions.create(model="flaky", messages=messages, stream=stream)
                            parts_of(made, texts)
                        self.assertEqual("".join(texts), row["begun"] if stream else "")
                        self.assertNotIsInstance(caught.exception, openai.APIConnectionError)
                        self.assertTrue(caught.exception.message and caught.exception.code, caught.exception)
                    self.assert_calls(mark, 1, 1)


class Retries(SuiteCase):
    def test_after_a_failure(self) -> None:
        for stream in (False, True):
            before = balance()
            mark, messages = said("flaky")
            create = self.with_options(max_retries=2).chat.completions.create
            answer = create(model="flaky", messages=messages, stream=stream)
            if stream:
                list(answer)
            self.assertEqual([call["answer"]["status"] for call in calls(mark)[0]], [503, 200])
            self.assertEqual(balance(), before - COST)

    # The answer to all tries is the first one's 503: the key stands for the chat that failed.
    def test_after_a_failure_with_a_key(self) -> None:
        """A call that failed and cost nothing does not use its key up."""
        before = balance()
        mark, messages = said("flaky")
        answer = self.with_options(max_retries=2).chat.completions.create(
            model="flaky", messages=messages, extra_headers={"Idempotency-Key": mark}
        )
        self.assertEqual(answer.choices[0].message.content, TEXT)
        self.assert_calls(mark, 2, 2)
        self.assertEqual(balance(), before - COST)

    def test_one_key_is_one_call(self) -> None:
        for model, script, cost in (("gpt", "plain", COST), ("echo", "Hi", 100), ("smollm2", "Hi", 100)):
            with self.subTest(model):
                before = balance()
                mark, messages = said(script)
                create = self.client.chat.completions.with_raw_response.create
                asked = {"model": model, "messages": messages, "max_tokens": 8, "extra_headers": {"Idempotency-Key": mark}}
                answers = [create(**asked).text for _ in range(3)]
                self.assertEqual(answers, answers[:1] * 3)
                self.assertEqual(len(calls(mark)[1]), 1 if model == "gpt" else 0)
                self.assertEqual(balance(), before - cost)

    def test_one_key_is_one_stream(self) -> None:
        for model, script, cost in (("gpt", "plain", COST), ("smollm2", "Hi", 100)):
            with self.subTest(model):
                before = balance()
                mark, messages = said(script)
                for _ in range(3):
                    create = self.client.chat.completions.create
                    asked = {"model": model, "messages": messages, "max_tokens": 8, "stream": True}
                    list(create(**asked, extra_headers={"Idempotency-Key": mark}))
                bodies = [call["answer"]["body"] for call in calls(mark)[0]]
                self.assertEqual(bodies, bodies[:1] * 3)
                self.assertEqual(balance(), before - cost)

    def test_client_that_gives_up_and_comes_again(self) -> None:
        for stream in (False, True):
            with self.subTest(stream=stream):
                before = balance()
                mark, messages = said("slow 1.5")
                hasty = self.with_options(timeout=1.0, max_retries=3)
                answer = hasty.chat.completions.create(
                    model="gpt", messages=messages, stream=stream, extra_headers={"Idempotency-Key": mark}
                )
                text = "".join(part.choices[0].delta.content or "" for part in answer) if stream else answer.choices[0].message.content
                self.assertEqual(text, TEXT)
                sent, upstream = calls(mark)
                self.assertGreater(len(sent), 1, "it did give up")
                self.assertIsNone(sent[0]["answer"])
                self.assertEqual(len(upstream), 1)
                self.assertEqual(balance(), before - COST)
                if not stream:
                    self.assertEqual(sent[-1]["answer"]["body"], upstream[0]["answer"]["body"])

    def test_stream_that_was_left_and_is_heard_again(self) -> None:
        before = balance()
        mark, messages = said("plain")
        create = self.client.chat.completions.create
        asked = {"model": "gpt", "messages": messages, "stream": True, "extra_headers": {"Idempotency-Key": mark}}
        with create(**asked) as stream:
            next(stream)
        self.assertEqual("".join(part.choices[0].delta.content or "" for part in create(**asked)), TEXT)
        self.assert_calls(mark, 2, 1)
        self.assertEqual(balance(), before - COST)

    def test_key_of_another_call(self) -> None:
        mark, messages = said("Hi")
        headers = {"Idempotency-Key": mark}
        self.client.chat.completions.create(model="echo", messages=messages, extra_headers=headers)
        other, messages = said("Ho")
        with self.assertRaises(openai.ConflictError) as caught:
            self.with_options(max_retries=2).chat.completions.create(model="echo", messages=messages, extra_headers=headers)
        self.assertEqual(caught.exception.status_code, 409)
        self.assert_calls(other, 1, 0)


if __name__ == "__main__":
    unittest.main()
