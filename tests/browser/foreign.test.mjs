// A page of another origin that is listed: OpenAI's JavaScript client works in it, and it can read what the answers say.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { register, startBrowser, startServer, makeKey } from "./support.mjs";

/** The client as a bundler puts it into a page. */
async function bundled() {
  const { outputFiles } = await build({ entryPoints: ["openai"], bundle: true, write: false, format: "esm", platform: "browser" });
  return outputFiles[0].text;
}

let server, browser, pages, origin, secret;
before(async () => {
  const client = await bundled();
  pages = createServer((request, response) => {
    const isClient = request.url === "/openai.mjs";
    const type = isClient ? "text/javascript" : "text/html";
    response.writeHead(200, { "content-type": type }).end(isClient ? client : "<!doctype html><title>elsewhere</title>");
  });
  pages.listen(0, "127.0.0.1");
  await once(pages, "listening");
  origin = `http://127.0.0.1:${pages.address().port}`;
  server = await startServer(`http.cors_origins = ["${origin}"]`);
  browser = await startBrowser(server.url);
  const page = await browser.open("/");
  await register(page, "mia");
  ({ secret } = await makeKey(page, "elsewhere"));
});
after(async () => {
  await browser.close();
  await server.stop();
  pages.close();
});

/** Runs OpenAI's client in a page of this origin. */
async function elsewhere(from, run) {
  const page = await browser.open(from);
  return page.evaluate(run, { url: server.url, secret });
}

test("OpenAI's client works in a page of a listed origin", async () => {
  const told = await elsewhere(`${origin}/`, async ({ url, secret }) => {
    const { default: OpenAI } = await import("/openai.mjs");
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: secret, dangerouslyAllowBrowser: true, maxRetries: 0 });
    const messages = [{ role: "user", content: "one two three" }];
    const headers = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Idempotency-Key": "k1" };
    const { data: whole, response } = await client.chat.completions
      .create({ model: "scripted", messages }, { headers })
      .withResponse();
    let streamed = "";
    for await (const part of await client.chat.completions.create({ model: "scripted", messages, stream: true })) {
      streamed += part.choices[0]?.delta?.content ?? "";
    }
    const models = [];
    for await (const model of client.models.list()) models.push(model.id);
    const refused = await client.chat.completions.create({ model: "nothing", messages }).catch((error) => ({ status: error.status, code: error.code }));
    return { whole: whole.choices[0].message.content, cost: response.headers.get("x-jeton-cost"), streamed, models, refused };
  });
  assert.equal(told.whole, "one two three");
  assert.equal(told.cost, "100", "a page may read what its answer cost");
  assert.equal(told.streamed, "one two three ");
  assert.ok(told.models.includes("scripted"));
  assert.deepEqual(told.refused, { status: 404, code: "model_not_found" });
});

test("GraphQL works there too, and nothing works in a page of another origin", async () => {
  const ask = async ({ url, secret }) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${secret}`, "apollo-require-preflight": "true" };
    const body = JSON.stringify({ query: "{ __typename }" });
    return fetch(`${url}/graphql`, { method: "POST", headers, body }).then((answer) => answer.json(), () => "blocked");
  };
  assert.deepEqual(await elsewhere(`${origin}/`, ask), { data: { __typename: "Query" } });
  assert.equal(await elsewhere(origin.replace("127.0.0.1", "localhost"), ask), "blocked");
});
