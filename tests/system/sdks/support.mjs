// What the suite for Node knows of the servers, and what went over the wires. As in support.py.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

export const known = JSON.parse(process.env.SDKS);
export const TEXT = "Grüße, 世界 😀!";
export const COST = 18;
export const TOOLS = [
  {
    type: "function",
    function: {
      name: "weather",
      description: "The weather in a city (°C)",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];

/** A mark by which the calls are found again, and messages for the scripted upstream. */
export function said(script) {
  const mark = randomUUID().slice(-12);
  const messages = [
    { role: "system", content: "Be brief — “ok”?" },
    { role: "user", content: `${script} ${mark}` },
  ];
  return { mark, messages };
}

/** What was sent to Jeton with this mark, and what Jeton sent on, with the answers. */
export async function calls(mark) {
  return (await fetch(`${known.calls}/${mark}`)).json();
}

async function ask(query) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${known.reader}` };
  const answer = await fetch(known.graphql, { method: "POST", headers, body: JSON.stringify({ query }) });
  return (await answer.json()).data;
}

/** What can be spent once nothing is held any more. */
export async function balance() {
  for (let tries = 0; tries < 200; tries++) {
    const { tokens, held } = (await ask("{ me { balance { tokens held } } }")).me.balance;
    if (Number(held) === 0) return Number(tokens);
    await sleep(50);
  }
  assert.fail("something is held for ever");
}

/** What is to arrive at the upstream: the call as it was sent, with the documented replacements. */
export function replaced(sent) {
  const call = JSON.parse(sent);
  let text = sent.replace(/("model":\s*)"(?:gpt|flaky)"/, '$1"up-model"');
  assert.notEqual(text, sent);
  let added = "";
  if (call.max_tokens == null && call.max_completion_tokens == null) added += `"max_tokens":${known.max_output},`;
  else {
    const lower = (_, name, limit) => name + Math.min(Number(limit), known.max_output);
    text = text.replace(/("max_(?:completion_)?tokens":\s*)(\d+)/g, lower);
  }
  if (call.stream && !call.stream_options?.include_usage) {
    assert.ok(!("stream_options" in call), "which this does not do");
    added += '"stream_options":{"include_usage":true},';
  }
  return `{${added}${text.slice(1)}`;
}

/** One call went through, and so did its answer: byte for byte, but for what is documented. */
export async function assertPassedOn(mark, { showsUsage = true } = {}) {
  const found = await calls(mark);
  assert.deepEqual([found.sent.length, found.upstream.length], [1, 1]);
  const [[sent], [received]] = [found.sent, found.upstream];
  assert.equal(received.request.body, replaced(sent.request.body));
  assert.equal(received.request.headers.authorization, `Bearer ${known.upstream_key}`);
  assert.ok(!JSON.stringify(received.request).includes(known.key));
  let expected = received.answer.body;
  if (!showsUsage) expected = expected.replace(/data: [^\n]*"choices":\[\][^\n]*\n\n/, "");
  assert.equal(expected === received.answer.body, showsUsage);
  assert.equal(sent.answer.body, expected);
  await balance();
  const id = Buffer.from(`Chat:${sent.answer.headers["x-jeton-chat-id"]}`).toString("base64url");
  const { chat } = await ask(`{ chat(id: "${id}") { status cost usage { input output estimated } } }`);
  assert.deepEqual(chat, { status: "DONE", cost: COST, usage: { input: 11, output: 7, estimated: false } });
  return sent;
}

export async function assertCalls(mark, sent, upstream) {
  const found = await calls(mark);
  assert.deepEqual([found.sent.length, found.upstream.length], [sent, upstream]);
}
