// What the tests share: a real server with a scripted model, and a browser that reports what it should not do.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";
import { axeFindings, tooWide } from "./checks.mjs";

export const PASSWORD = "seven-green-kites";
const BINARY = process.env.JETON_TEST_BINARY ?? "../../target/debug/jeton";
const CHROMIUM = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Answers that are hard to show. */
const HARD = {
  quotes: ">".repeat(3000) + " the end",
  lists: "- ".repeat(1500) + "the end",
  table: `|${"a|".repeat(1000)}\n|${"-|".repeat(1000)}\n${"x\n".repeat(5000)}\nthe end`,
  brackets: "[a](".repeat(20_000) + " the end",
  emphasis: `${"*a_".repeat(15_000)}b${"_a*".repeat(15_000)} the end`,
  long: "some *words* and [a link](https://example.org) ".repeat(5_000) + "the end",
  links: "[refused](javascript:alert(1)) and [followed](https://example.org) and the end",
};

/**
 * An OpenAI-compatible model: says the message again, word by word; "slow" words take their time, "late" ones begin late,
 * "limited" ones end at the length limit.
 * `answers` has what it says instead, by the message.
 */
async function startModel(answers) {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { messages, stream } = JSON.parse(body);
    const message = messages.at(-1).content;
    if (message.startsWith("fail")) return response.writeHead(500).end();
    if (!stream) {
      response.writeHead(200, { "content-type": "application/json" });
      const choices = [{ index: 0, message: { role: "assistant", content: message }, finish_reason: "stop" }];
      const usage = { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 };
      return response.end(JSON.stringify({ id: "x", object: "chat.completion", created: 0, model: "x", choices, usage }));
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    const say = (delta, finish = null) =>
      response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
    const hard = HARD[message.replace(/^write /, "")];
    for (let at = 0; hard && at < hard.length; at += 4_000) say({ content: hard.slice(at, at + 4_000) });
    if (message.startsWith("late")) await sleep(5_000);
    for (const word of hard ? [] : (answers[message] ?? message).split(" ")) {
      await sleep(message.startsWith("slow") ? 200 : 5);
      say({ content: `${word} ` });
    }
    say({}, message.startsWith("limited") ? "length" : "stop");
    response.end("data: [DONE]\n\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** A server of its own for a test file, on data of its own. Its model has this name, and says the `answers`. */
export async function startServer(settings = "", { name = "scripted", answers = {} } = {}) {
  const data = mkdtempSync(join(tmpdir(), "jeton-browser-"));
  const model = await startModel(answers);
  const config = join(data, "jeton.toml");
  writeFileSync(
    config,
    `default_model = "${name}"
     http.listen = "127.0.0.1:0"
     data.dir = "${data}"
     log.filter = "warn"
     ${settings}
     [models.${name}]
     provider = "openai"
     base_url = "http://127.0.0.1:${model.address().port}/v1"
     upstream_model = "x"
     max_retries = 0
     price = { per_message = 100 }
    `,
  );
  const run = (...args) => execFileSync(BINARY, ["--config", config, ...args], { input: `${PASSWORD}\n`, encoding: "utf8" });
  run("createsuperuser", "--password-stdin");
  run("user", "create", "sue", "--staff", "--password-stdin");
  const jeton = spawn(BINARY, ["--config", config, "serve"], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  for await (const chunk of jeton.stdout) {
    said += chunk;
    if (/http:\/\/127\.0\.0\.1:\d+/.test(said)) break;
  }
  const url = said.match(/http:\/\/127\.0\.0\.1:\d+/)[0];
  return {
    url,
    run,
    async stop() {
      jeton.kill("SIGTERM");
      await once(jeton, "exit");
      model.close();
      const clean = execFileSync(BINARY, ["--config", config, "verify"], { encoding: "utf8" });
      assert.match(clean, /clean/);
      rmSync(data, { recursive: true });
    },
  };
}

/** A browser. Requests to other hosts, errors of scripts and breaches of the policy fail the test that looks at them. */
export async function startBrowser(url) {
  const executablePath = CHROMIUM.find((path) => path && existsSync(path));
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const wrong = [];
  return {
    wrong,
    /** A new profile with one page, which goes nowhere yet if the path is null. */
    async open(path = "/", options = {}) {
      const context = await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 800 }, ...options });
      context.setDefaultTimeout(Number(process.env.PATIENCE ?? 15_000));
      context.on("request", (request) => {
        const to = new URL(request.url());
        if (to.host !== new URL(url).host && !["data:", "blob:"].includes(to.protocol)) wrong.push(`asked ${to}`);
      });
      context.on("weberror", (error) => wrong.push(`error ${error.error().message}`));
      context.on("console", (message) => {
        if (/Content Security Policy/i.test(message.text())) wrong.push(message.text());
      });
      const page = await context.newPage();
      if (path !== null) await page.goto(path);
      return page;
    },
    close: () => browser.close(),
  };
}

export async function register(page, name) {
  await page.goto("/register");
  // What is typed before the scripts has tests of its own, in login.test.mjs.
  await page.locator("#boot").waitFor({ state: "detached" });
  await page.getByLabel("Username").fill(name);
  await page.locator("input[type=password]").first().fill(PASSWORD);
  await page.locator("form button[type=submit]").click();
  await page.getByLabel("Message", { exact: true }).waitFor();
}

export async function logIn(page, name, password = PASSWORD) {
  await page.goto("/login");
  // What is typed before the scripts has tests of its own, in login.test.mjs.
  await page.locator("#boot").waitFor({ state: "detached" });
  await page.getByLabel("Username").fill(name);
  await page.locator("input[type=password]").first().fill(password);
  await page.locator("form button[type=submit]").click();
  await page.getByLabel("Message", { exact: true }).waitFor();
}

/** Types and sends a message. */
export async function send(page, text) {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByLabel("Message", { exact: true }).press("Enter");
}

/** The newest exchange of the thread. */
export const newest = (page) => page.getByRole("article", { name: "Message and answer" }).last();

/** The balance in the header. */
export const balance = (page) => page.getByLabel(/^Balance\./);

/** Has no finding of axe-core. */
export async function accessible(page, what) {
  assert.deepEqual(await axeFindings(page), [], what);
}

/** A field comes to have a value. Looked for each time, since a page that loads may replace it. */
export async function holds(field, value) {
  let found;
  for (let tries = 0; tries < 150; tries++) {
    found = await field.inputValue();
    if (found === value) return;
    await sleep(100);
  }
  assert.equal(found, value);
}

/** Nothing makes the page wider than the screen. */
export async function fits(page, what) {
  assert.deepEqual(await tooWide(page), [], what);
}

/** A request to the GraphQL API by an API key or a token, as another program makes it; null for none. */
export async function graphql(url, secret, query, variables = {}) {
  const headers = {
    ...(secret !== null && { authorization: `Bearer ${secret}` }),
    "content-type": "application/json",
    "apollo-require-preflight": "true",
  };
  const response = await fetch(`${url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data;
}

/** The file that a click saves, without the mark that says it is UTF-8. */
export async function saved(page, click) {
  const [file] = await Promise.all([page.waitForEvent("download"), click()]);
  const text = readFileSync(await file.path(), "utf8");
  return { name: file.suggestedFilename(), text: text.replace(/^\uFEFF/, "") };
}

/** CSV without quoted cells, as objects by its header. */
export function rows(text) {
  const [header, ...lines] = text.trimEnd().split("\r\n").map((line) => line.split(","));
  return lines.map((cells) => Object.fromEntries(header.map((name, at) => [name, cells[at]])));
}

/** Makes an API key on the account page, and copies it from the dialog that shows it. */
export async function makeKey(page, name, { more = () => undefined } = {}) {
  await page.goto("/account?tab=keys");
  await page.getByRole("button", { name: "New key…" }).click();
  const form = page.getByRole("dialog", { name: "New API key" });
  await form.getByLabel("Name").fill(name);
  await more(form);
  await form.getByRole("button", { name: "Create key" }).click();
  const dialog = page.getByRole("dialog", { name: "Your new API key" });
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await dialog.getByRole("button", { name: "Copy the key" }).click();
  await dialog.getByRole("button", { name: "Copied" }).waitFor();
  const secret = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(secret, /^jt-[0-9a-f]{12}-[0-9a-f]{64}$/);
  assert.equal(await dialog.getByRole("textbox", { name }).inputValue(), secret);
  return { secret, prefix: secret.slice(0, 15), dialog };
}

/** A call to the OpenAI-compatible routes, from another program. */
export async function complete(url, secret, content = "hello by the API") {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "scripted", messages: [{ role: "user", content }] }),
  });
  return { status: response.status, answer: await response.json() };
}

/** Chooses an option of a select. */
export async function choose(page, select, option) {
  await page.getByRole("combobox", { name: select, exact: true }).click();
  await page.getByRole("option", { name: option, exact: true }).click();
}

/** Opens the operators' page of a user. */
export async function openUser(page, name) {
  await page.goto(`/admin/users?search=${name}`);
  await page.getByRole("link", { name, exact: true }).click();
  await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
}
