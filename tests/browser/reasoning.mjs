// An OpenAI-compatible model that thinks before it answers, for the tests of thoughts and of receipts.
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** The thoughts of so many steps. */
export const thoughts = (steps) => Array.from({ length: steps }, (_, at) => `**Step ${at}.** It depends on this and that.\n\n`);

/** What it reports to have used. A part of the input was cached. */
const USAGE = {
  prompt_tokens: 1300,
  completion_tokens: 800,
  prompt_tokens_details: { cached_tokens: 1000 },
  completion_tokens_details: { reasoning_tokens: 600 },
};

/**
 * Starts it. "think 20" is answered after 20 steps; "limit 20" reaches the limit after them; "huge 1" reports much more
 * than it says; "bare 1" reports nothing. Each step takes 150 ms.
 */
export async function startReasoning() {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const [kind, steps] = JSON.parse(body).messages.at(-1).content.split(" ");
    response.writeHead(200, { "content-type": "text/event-stream" });
    const write = (event) => response.write(`data: ${JSON.stringify(event)}\n\n`);
    const say = (delta, finish = null) => write({ choices: [{ index: 0, delta, finish_reason: finish }] });
    for (const step of thoughts(Number(steps))) {
      await sleep(150);
      say({ reasoning_content: step });
    }
    if (kind !== "limit") {
      for (const word of "This is the answer.".split(" ")) {
        await sleep(50);
        say({ content: `${word} ` });
      }
    }
    say({}, kind === "limit" ? "length" : "stop");
    if (kind !== "bare") write({ choices: [], usage: kind === "huge" ? { ...USAGE, completion_tokens: 10_000_000 } : USAGE });
    response.end("data: [DONE]\n\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** Settings of models that think: one with a metered price, one with a flat one. */
export function reasoningModels(upstream) {
  const model = (name, price) => `[models.${name}]
    provider = "openai"
    base_url = "http://127.0.0.1:${upstream.address().port}/v1"
    upstream_model = "x"
    max_retries = 0
    price = ${price}
  `;
  return `ledger.signup_grant = 20000
    ${model("thinker", "{ per_million_input = 3000, per_million_cache_read = 300, per_million_output = 15000 }")}
    ${model("flat", "{ per_message = 10 }")}`;
}
