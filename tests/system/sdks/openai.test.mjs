// openai for Node, as it is published.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import { assertCalls, assertPassedOn, balance, calls, COST, known, said, TEXT, TOOLS } from "./support.mjs";

const ANSWERS = JSON.parse(readFileSync(new URL("answers.json", import.meta.url)));
const PICTURE =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const Weather = z.object({ city: z.string(), degrees: z.number() });

/** Without the client's own retries, unless a test is about them. */
function client({ key = known.key, url = known.url, ...options } = {}) {
  return new OpenAI({ baseURL: url, apiKey: key, maxRetries: 0, ...options });
}

const ours = client();
const create = (...asked) => ours.chat.completions.create(...asked);

async function all(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

const textOf = (parts) => parts.map((part) => part.choices[0]?.delta.content ?? "").join("");

describe("models", () => {
  test("list and retrieve", async () => {
    const listed = await all(ours.models.list());
    assert.deepEqual(new Set(listed.map((model) => model.id)), new Set(["smollm2", "echo", "gpt", "flaky"]));
    assert.equal((await ours.models.retrieve("gpt")).owned_by, "jeton");
    await assert.rejects(ours.models.retrieve("none/at-all"), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      return error.code === "model_not_found" && error.param === "model";
    });
  });
});

describe("local models", () => {
  test("echo", async () => {
    const { mark, messages } = said("Hello");
    const { data, response } = await create({ model: "echo", messages }).withResponse();
    assert.equal(data.choices[0].message.content, `AI Response to: Hello ${mark}`);
    assert.equal(response.headers.get("x-jeton-cost"), "100");
  });

  test("echo in parts", async () => {
    const { mark, messages } = said("Hello");
    const parts = await all(await create({ model: "echo", messages, stream: true }));
    assert.equal(textOf(parts), `AI Response to: Hello ${mark}`);
    assert.equal(parts.at(-1).choices[0].finish_reason, "stop");
  });

  test("the real model", async () => {
    const before = await balance();
    const { messages } = said("What is the capital of France?");
    const answer = await create({ model: "smollm2", messages, temperature: 0, seed: 1 });
    assert.ok(answer.choices[0].message.content.trim());
    assert.ok(answer.usage.completion_tokens <= known.max_real_output);
    assert.equal(before - (await balance()), 100);
    const short = await create({ model: "smollm2", messages, max_tokens: 3 });
    assert.deepEqual([short.choices[0].finish_reason, short.usage.completion_tokens], ["length", 3]);
  });

  test("the real model in parts", async () => {
    const { messages } = said("Tell me a story about a whale.");
    const stream = await create({ model: "smollm2", messages, stream: true, stream_options: { include_usage: true } });
    const [parts, times] = [[], []];
    for await (const part of stream) {
      parts.push(part);
      if (part.choices[0]?.delta.content) times.push(performance.now());
    }
    assert.ok(times.length > 5 && textOf(parts).trim());
    assert.ok(times.at(-1) - times[0] > 20, "one by one, not all at the end");
    assert.ok(parts.at(-1).usage.completion_tokens <= known.max_real_output);
  });

  test("hanging up", async () => {
    const before = await balance();
    const { messages } = said("Tell me a story about a whale.");
    const stream = await create({ model: "smollm2", messages, stream: true });
    for await (const part of stream) if (part.choices[0].delta.content) break;
    assert.equal(before - (await balance()), 100);
  });
});

describe("calls that are passed on", () => {
  test("plain", async () => {
    const before = await balance();
    const { mark, messages } = said("plain");
    const asked = create({ model: "gpt", messages });
    const raw = await (await asked.asResponse()).clone().text();
    await assertPassedOn(mark);
    assert.equal(raw, (await calls(mark)).upstream[0].answer.body);
    const answer = JSON.parse(raw);
    assert.deepEqual([answer.choices[0].message.content, answer.usage.total_tokens], [TEXT, 18]);
    assert.equal(await balance(), before - COST);
  });

  test("in parts, with the usage", async () => {
    const before = await balance();
    const { mark, messages } = said("plain");
    const parts = await all(await create({ model: "gpt", messages, stream: true, stream_options: { include_usage: true } }));
    assert.equal(textOf(parts), TEXT);
    assert.deepEqual(
      parts.map((part) => part.usage?.total_tokens),
      parts.map((_, place) => (place === parts.length - 1 ? 18 : undefined)),
    );
    await assertPassedOn(mark);
    assert.equal(await balance(), before - COST);
  });

  test("in parts, without the usage", async () => {
    const before = await balance();
    const { mark, messages } = said("plain");
    const parts = await all(await create({ model: "gpt", messages, stream: true }));
    assert.equal(textOf(parts), TEXT);
    assert.ok(parts.every((part) => part.choices.length === 1 && !part.usage));
    await assertPassedOn(mark, { showsUsage: false });
    assert.equal(await balance(), before - COST);
  });

  test("tools", async () => {
    const { mark, messages } = said("tools");
    const answer = await create({ model: "gpt", messages, tools: TOOLS, tool_choice: "auto" });
    const asked = answer.choices[0].message.tool_calls.map((call) => call.function.arguments);
    assert.deepEqual(asked, ['{"city": "Oslo"}', '{"city": "Köln"}']);
    await assertPassedOn(mark);
    const next = said("plain");
    next.messages.push(answer.choices[0].message, { role: "tool", tool_call_id: "call_1", content: "-3 °C" });
    assert.equal((await create({ model: "gpt", messages: next.messages, tools: TOOLS })).choices[0].message.content, TEXT);
    await assertPassedOn(next.mark);
  });

  test("tools in parts", async () => {
    const { mark, messages } = said("tools");
    const stream = ours.chat.completions.stream({ model: "gpt", messages, tools: TOOLS });
    const answer = await stream.finalChatCompletion();
    const asked = answer.choices[0].message.tool_calls.map((call) => call.function.arguments);
    assert.deepEqual(asked, ['{"city": "Oslo"}', '{"city": "Köln"}']);
    await assertPassedOn(mark, { showsUsage: false });
  });

  test("structured output", async () => {
    const { mark, messages } = said("json");
    const response_format = zodResponseFormat(Weather, "weather");
    const answer = await ours.chat.completions.parse({ model: "gpt", messages, response_format });
    assert.deepEqual(answer.choices[0].message.parsed, { city: "Oslo", degrees: -3 });
    await assertPassedOn(mark);
  });

  test("pictures", async () => {
    const { mark, messages } = said("plain");
    const picture = { type: "image_url", image_url: { url: PICTURE, detail: "low" } };
    messages[1].content = [{ type: "text", text: messages[1].content }, picture];
    assert.equal((await create({ model: "gpt", messages })).choices[0].message.content, TEXT);
    assert.ok((await assertPassedOn(mark)).request.body.includes(PICTURE));
  });

  test("unknown fields", async () => {
    const { mark, messages } = said("plain");
    await create({ model: "gpt", messages, x_top_k: 15, x_nested: { model: "other", stream: [true, null] }, größe: "…" });
    await assertPassedOn(mark);
  });

  test("limits of the output", async () => {
    for (const limit of [{ max_tokens: 5 }, { max_tokens: 1e6 }, { max_completion_tokens: 6 }, { max_completion_tokens: 1e6 }]) {
      const { mark, messages } = said("plain");
      await create({ model: "gpt", messages, ...limit });
      await assertPassedOn(mark);
    }
  });
});

describe("errors", () => {
  /** Rejected with exactly this class of error. */
  async function refused(kind, script, { by = ours, ...options } = {}) {
    const { mark, messages } = said(script);
    let error;
    await assert.rejects(by.chat.completions.create({ model: "echo", messages, ...options }), (thrown) => ((error = thrown), true));
    assert.equal(error.constructor, kind, error);
    return { mark, error };
  }

  test("wrong keys", async () => {
    for (const key of ["jt-000000000000-0", "sk-else"]) {
      const { mark, error } = await refused(OpenAI.AuthenticationError, "Hi", { by: client({ key, maxRetries: 2 }) });
      assert.deepEqual([error.status, error.code], [401, "invalid_api_key"]);
      await assertCalls(mark, 1, 0);
    }
  });

  test("a key for something else", async () => {
    await refused(OpenAI.PermissionDeniedError, "Hi", { by: client({ key: known.reader }) });
  });

  test("an unknown model", async () => {
    const { mark, error } = await refused(OpenAI.NotFoundError, "Hi", { model: "none", by: client({ maxRetries: 2 }) });
    assert.deepEqual([error.status, error.code, error.param], [404, "model_not_found", "model"]);
    await assertCalls(mark, 1, 0);
  });

  test("bad requests", async () => {
    const wrong = {
      messages: [],
      max_tokens: 0,
      temperature: 9,
      tools: TOOLS,
      response_format: { type: "json_object" },
      x_unknown: 1,
    };
    for (const [param, value] of Object.entries(wrong)) {
      const { error } = await refused(OpenAI.BadRequestError, "Hi", { [param]: value });
      assert.deepEqual([error.status, error.param, error.type], [400, param, "invalid_request_error"]);
    }
  });

  test("a bad request of the upstream's", async () => {
    for (const stream of [false, true]) {
      const { mark, error } = await refused(OpenAI.BadRequestError, "status 400", { model: "gpt", stream });
      assert.equal(error.error.message, "It is 400 because of tools[0].");
      await assertCalls(mark, 1, 1);
    }
  });

  test("an empty balance", async () => {
    for (const model of ["echo", "gpt"]) {
      const by = client({ key: known.poor, maxRetries: 5 });
      const { mark, error } = await refused(OpenAI.APIError, "plain", { model, by });
      assert.deepEqual([error.status, error.code, error.type], [402, "insufficient_quota", "insufficient_quota"]);
      assert.equal(error.headers.get("x-should-retry"), "false");
      await assertCalls(mark, 1, 0);
    }
  });

  test("too many messages", async () => {
    const asking = (options) => client({ key: known.limited_key, url: known.strict_url, ...options }).chat.completions;
    let statuses = [];
    while (statuses.length < 2) {
      let error;
      for (let tries = 0; tries < 200 && !error; tries++) {
        await asking().create({ model: "echo", messages: said("Hi").messages }).catch((thrown) => (error = thrown));
      }
      assert.ok(error instanceof OpenAI.RateLimitError);
      assert.deepEqual([error.status, error.code], [429, "rate_limit_exceeded"]);
      assert.ok(Number(error.headers.get("retry-after")) > 0);
      // The client waits as long as it is told to, and is heard. By chance it may not have to wait.
      const { mark, messages } = said("Hi");
      assert.ok((await asking({ maxRetries: 2 }).create({ model: "echo", messages })).choices);
      statuses = (await calls(mark)).sent.map((call) => call.answer.status);
    }
    assert.deepEqual(statuses, [429, 200]);
  });

  test("a failing upstream", async () => {
    const before = await balance();
    for (const [told, status, code] of [
      [401, 502, "upstream_error"],
      [404, 502, "upstream_error"],
      [429, 503, "model_unavailable"],
      [500, 503, "model_unavailable"],
    ]) {
      for (const stream of [false, true]) {
        const { mark, error } = await refused(OpenAI.InternalServerError, `status ${told}`, { model: "flaky", stream });
        assert.deepEqual([error.status, error.code], [status, code]);
        await assertCalls(mark, 1, 1);
      }
    }
    assert.equal(await balance(), before);
  });

  test("an upstream that does not answer", async () => {
    const by = client({ key: known.strict_key, url: known.strict_url });
    for (const stream of [false, true]) {
      const { error } = await refused(OpenAI.InternalServerError, "hang", { model: "flaky", by, stream });
      assert.deepEqual([error.status, error.code], [504, "timeout"]);
    }
  });

  test("a failure midway", async () => {
    const strict = client({ key: known.strict_key, url: known.strict_url });
    for (const [script, code, by] of [
      ["broken", "model_unavailable", ours],
      ["error", "model_unavailable", ours],
      ["stall", "timeout", strict],
    ]) {
      const stream = await by.chat.completions.create({ model: "flaky", messages: said(script).messages, stream: true });
      const parts = [];
      await assert.rejects(
        async () => {
          for await (const part of stream) parts.push(part);
        },
        (error) => error.constructor === OpenAI.APIError && error.code === code,
      );
      assert.equal(textOf(parts), "Grüße, 世界");
    }
  });

  test("answers of real servers", async () => {
    const patient = client({ maxRetries: 2 }).chat.completions;
    const plain = (content) => (Array.isArray(content) ? content.map((part) => part.text).join("") : (content ?? ""));
    const wrong = [];
    for (const [number, row] of ANSWERS.entries()) {
      for (const stream of [false, true]) {
        try {
          const { mark, messages } = said(`answer ${number}`);
          const texts = [];
          const read = async (by) => {
            const answer = await by.create({ model: "flaky", messages, stream });
            if (!stream) texts.push(plain(answer.choices[0].message.content));
            else for await (const part of answer) texts.push(plain(part.choices?.[0]?.delta?.content));
          };
          if ("text" in row) {
            await read(patient);
            assert.equal(texts.join(""), row.text);
          } else {
            await assert.rejects(read(ours.chat.completions), (error) => {
              assert.ok(error instanceof OpenAI.APIError && !(error instanceof OpenAI.APIConnectionError), error);
              return Boolean(error.message && error.code);
            });
            assert.equal(texts.join(""), stream ? row.begun : "");
          }
          await assertCalls(mark, 1, 1);
        } catch (error) {
          wrong.push(`${row.name}, ${stream ? "stream" : "whole"}: ${error.message}`);
        }
      }
    }
    assert.deepEqual(wrong, []);
  });
});

describe("retries", () => {
  const keyed = (mark) => ({ headers: { "Idempotency-Key": mark } });

  test("after a failure", async () => {
    for (const stream of [false, true]) {
      const before = await balance();
      const { mark, messages } = said("flaky");
      const answer = await client({ maxRetries: 2 }).chat.completions.create({ model: "flaky", messages, stream });
      if (stream) await all(answer);
      assert.deepEqual((await calls(mark)).sent.map((call) => call.answer.status), [503, 200]);
      assert.equal(await balance(), before - COST);
    }
  });

  // The answer to all tries is the first one's 503: the key stands for the chat that failed.
  test("after a failure, with a key", async () => {
    const before = await balance();
    const { mark, messages } = said("flaky");
    const answer = await client({ maxRetries: 2 }).chat.completions.create({ model: "flaky", messages }, keyed(mark));
    assert.equal(answer.choices[0].message.content, TEXT);
    await assertCalls(mark, 2, 2);
    assert.equal(await balance(), before - COST);
  });

  test("one key is one call", async () => {
    for (const [model, stream, cost] of [["gpt", false, COST], ["gpt", true, COST], ["smollm2", false, 100], ["smollm2", true, 100]]) {
      const before = await balance();
      const { mark, messages } = said(model === "gpt" ? "plain" : "Hi");
      for (let tries = 0; tries < 3; tries++) {
        const answer = await create({ model, messages, stream, max_tokens: 8 }, keyed(mark));
        if (stream) await all(answer);
      }
      const found = await calls(mark);
      const [first, ...others] = found.sent.map((call) => call.answer.body);
      assert.deepEqual(others, [first, first]);
      assert.equal(found.upstream.length, model === "gpt" ? 1 : 0);
      assert.equal(await balance(), before - cost);
    }
  });

  test("a client that gives up and comes again", async () => {
    for (const stream of [false, true]) {
      const before = await balance();
      const { mark, messages } = said("slow 1.5");
      const hasty = client({ timeout: 1000, maxRetries: 3 });
      const answer = await hasty.chat.completions.create({ model: "gpt", messages, stream }, keyed(mark));
      assert.equal(stream ? textOf(await all(answer)) : answer.choices[0].message.content, TEXT);
      const found = await calls(mark);
      assert.ok(found.sent.length > 1, "it did give up");
      assert.equal(found.sent[0].answer, null);
      assert.equal(found.upstream.length, 1);
      assert.equal(await balance(), before - COST);
    }
  });

  test("the key of another call", async () => {
    const { mark, messages } = said("Hi");
    await create({ model: "echo", messages }, keyed(mark));
    const other = said("Ho");
    const again = client({ maxRetries: 2 }).chat.completions.create({ model: "echo", messages: other.messages }, keyed(mark));
    await assert.rejects(again, OpenAI.ConflictError);
    await assertCalls(other.mark, 1, 0);
  });
});
