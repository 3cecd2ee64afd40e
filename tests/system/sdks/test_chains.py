"""langchain-openai and litellm, as they are published."""

from __future__ import annotations

import logging
import os
from typing import Any

# Read when litellm is imported: its list of prices is in the package.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import litellm
import openai
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from support import COST, KEY, KNOWN, TEXT, TOOLS, URL, USAGE, Case, balance, said

logging.getLogger("LiteLLM").setLevel(logging.ERROR)


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"-3 °C in {city}"


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


class LangChain(Case):
    def model(self, name: str = "gpt", **options: Any) -> ChatOpenAI:
        return ChatOpenAI(model=name, **{"base_url": URL, "api_key": KEY, "max_retries": 0, **options})

    def messages(self, script: str) -> tuple[str, list]:
        mark, messages = said(script)
        return mark, [SystemMessage(messages[0]["content"]), HumanMessage(messages[1]["content"])]

    def test_invoke(self) -> None:
        before = balance()
        mark, messages = self.messages("plain")
        answer = self.model().invoke(messages)
        self.assertEqual(answer.text, TEXT)
        usage = answer.usage_metadata
        self.assertEqual((usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]), USAGE)
        self.assert_passed_on(mark)
        self.assertEqual(balance(), before - COST)

    def test_models_in_this_house(self) -> None:
        mark, messages = self.messages("Hello")
        self.assertEqual(self.model("echo").invoke(messages).text, f"AI Response to: Hello {mark}")
        self.assertTrue(self.model("smollm2").invoke(messages).text.strip())
        pieces = [part.text for part in self.model("smollm2").stream(messages)]
        self.assertGreater(len([piece for piece in pieces if piece]), 1)

    def test_stream(self) -> None:
        mark, messages = self.messages("plain")
        pieces = list(self.model(stream_usage=False).stream(messages))
        self.assertEqual("".join(piece.text for piece in pieces), TEXT)
        self.assertGreater(len([piece for piece in pieces if piece.text]), 2)
        self.assert_passed_on(mark, shows_usage=False)

    def test_stream_with_usage(self) -> None:
        mark, messages = self.messages("plain")
        whole: Any = None
        for piece in self.model(stream_usage=True).stream(messages):
            whole = piece if whole is None else whole + piece
        self.assertEqual((whole.text, whole.usage_metadata["total_tokens"]), (TEXT, USAGE[2]))
        self.assert_passed_on(mark)

    def test_tools(self) -> None:
        model = self.model().bind_tools([weather])
        mark, messages = self.messages("tools")
        answer = model.invoke(messages)
        self.assertEqual([call["args"] for call in answer.tool_calls], [{"city": "Oslo"}, {"city": "Köln"}])
        self.assert_passed_on(mark)
        mark, messages = self.messages("plain")
        results = [ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]) for call in answer.tool_calls]
        self.assertEqual(model.invoke([*messages, answer, *results]).text, TEXT)
        self.assert_passed_on(mark)

    def test_tools_in_parts(self) -> None:
        mark, messages = self.messages("tools")
        whole: Any = None
        for piece in self.model(stream_usage=False).bind_tools([weather]).stream(messages):
            whole = piece if whole is None else whole + piece
        self.assertEqual([call["args"] for call in whole.tool_calls], [{"city": "Oslo"}, {"city": "Köln"}])
        self.assert_passed_on(mark, shows_usage=False)

    def test_structured_output(self) -> None:
        mark, messages = self.messages("json")
        self.assertEqual(self.model().with_structured_output(Weather).invoke(messages), Weather(city="Oslo", degrees=-3))
        self.assert_passed_on(mark)

    def test_errors(self) -> None:
        _, messages = self.messages("plain")
        with self.assertRaises(openai.NotFoundError):
            self.model("none").invoke(messages)
        with self.assertRaises(openai.AuthenticationError):
            self.model(api_key="jt-wrong").invoke(messages)
        mark, messages = self.messages("plain")
        with self.assertRaises(openai.APIStatusError) as caught:
            self.model(api_key=KNOWN["poor"], max_retries=5).invoke(messages)
        self.assertEqual(caught.exception.status_code, 402)
        self.assert_calls(mark, 1, 0)


class LiteLlm(Case):
    def complete(self, script: str, model: str = "gpt", **options: Any) -> tuple[str, Any]:
        mark, messages = said(script)
        known = {"api_base": URL, "api_key": KEY, "num_retries": 0, "max_retries": 0}
        return mark, litellm.completion(model=f"openai/{model}", messages=messages, **known | options)

    def test_plain(self) -> None:
        before = balance()
        mark, answer = self.complete("plain")
        self.assertEqual(answer.choices[0].message.content, TEXT)
        usage = answer.usage
        self.assertEqual((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), USAGE)
        self.assert_passed_on(mark)
        self.assertEqual(balance(), before - COST)

    def test_parts(self) -> None:
        requests: list[tuple[dict[str, Any], bool]] = [({}, False), ({"stream_options": {"include_usage": True}}, True)]
        for options, shows_usage in requests:
            with self.subTest(shows_usage=shows_usage):
                mark, stream = self.complete("plain", stream=True, **options)
                parts = list(stream)
                self.assertEqual("".join(part.choices[0].delta.content or "" for part in parts if part.choices), TEXT)
                if shows_usage:
                    self.assertEqual(parts[-1].usage.total_tokens, USAGE[2])
                self.assert_passed_on(mark, shows_usage)

    def test_models_in_this_house(self) -> None:
        mark, answer = self.complete("Hello", model="echo")
        self.assertEqual(answer.choices[0].message.content, f"AI Response to: Hello {mark}")
        _, answer = self.complete("Hello", model="smollm2")
        self.assertTrue(answer.choices[0].message.content.strip())
        _, stream = self.complete("Tell me a story about a whale.", model="smollm2", stream=True)
        self.assertGreater(len([part for part in stream if part.choices[0].delta.content]), 5)

    def test_tools(self) -> None:
        mark, answer = self.complete("tools", tools=TOOLS)
        asked = answer.choices[0].message.tool_calls
        self.assertEqual([call.function.arguments for call in asked], ['{"city": "Oslo"}', '{"city": "Köln"}'])
        self.assert_passed_on(mark)
        mark, stream = self.complete("tools", tools=TOOLS, stream=True)
        whole = litellm.stream_chunk_builder(list(stream))
        asked = whole.choices[0].message.tool_calls
        self.assertEqual([call.function.arguments for call in asked], ['{"city": "Oslo"}', '{"city": "Köln"}'])
        self.assert_passed_on(mark, shows_usage=False)

    def test_errors(self) -> None:
        for error, script, options in (
            (litellm.NotFoundError, "plain", {"model": "none"}),
            (litellm.AuthenticationError, "plain", {"api_key": "jt-wrong"}),
            (litellm.BadRequestError, "status 400", {}),
            (openai.APIError, "plain", {"api_key": KNOWN["poor"]}),
            (litellm.ServiceUnavailableError, "status 500", {"model": "flaky"}),
        ):
            with self.subTest(error), self.assertRaises(error):
                self.complete(script, **options)
