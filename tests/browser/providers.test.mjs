// Operators connect a provider and set prices in the browser, and users chat with its models, without a restart.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import {
  PASSWORD,
  accessible,
  choose,
  fits,
  graphql,
  logIn,
  newest,
  register,
  send,
  startBrowser,
  startServer,
} from "./support.mjs";

const KEY = "sk-the-right-key-of-the-double-4711";
const MODELS = ["double-small", "double-large", "double-embedding"];
const DESK = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

/** An OpenAI-compatible service that lists its models, says messages again, and rejects all keys but one. */
async function startDouble() {
  const service = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const reply = (status, json) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(json));
    };
    if (request.headers.authorization !== `Bearer ${KEY}`) {
      return reply(401, { error: { message: "Incorrect API key provided.", code: "invalid_api_key" } });
    }
    if (request.url === "/v1/models") {
      return reply(200, { object: "list", data: MODELS.map((id) => ({ id, object: "model", context_length: 32_768 })) });
    }
    if (isFailing) return reply(503, { error: { message: "The double has a bad day." } });
    const { model, messages } = JSON.parse(body);
    response.writeHead(200, { "content-type": "text/event-stream" });
    const say = (more) => response.write(`data: ${JSON.stringify({ model, ...more })}\n\n`);
    for (const content of [`${model} says: `, messages.at(-1).content]) say({ choices: [{ index: 0, delta: { content } }] });
    say({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    say({ choices: [], usage: { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 } });
    response.end("data: [DONE]\n\n");
  });
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  return service;
}

let server, browser, double, address;
/** Whether the double answers no message. */
let isFailing = false;
before(async () => {
  double = await startDouble();
  address = `http://127.0.0.1:${double.address().port}/v1`;
  server = await startServer();
  browser = await startBrowser(server.url);
});
after(async () => {
  await browser.close();
  await server.stop();
  double.close();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

const dialog = (page, name) => page.getByRole("dialog", { name, exact: true });
const press = (scope, name) => scope.getByRole("button", { name, exact: true }).click();

async function looksRight(page, what) {
  // The colours of a button that was just pressed change for a moment.
  await page.mouse.move(1, 1);
  await page.waitForTimeout(300);
  for (const size of [DESK, PHONE]) {
    await page.setViewportSize(size);
    await accessible(page, `${what}, ${size.width}`);
    await fits(page, what);
    if (process.env.SHOTS) {
      const { colorScheme } = await page.evaluate(() => ({ colorScheme: document.documentElement.dataset.mantineColorScheme }));
      await page.waitForTimeout(300);
      await page.screenshot({ path: `${process.env.SHOTS}/${what.replaceAll(" ", "-")}-${colorScheme}-${size.width}.png`, animations: "disabled" });
    }
  }
  await page.setViewportSize(DESK);
}

test("a superuser connects a provider, takes over two models, and a user chats with one", async () => {
  const page = await browser.open("/", { reducedMotion: "reduce" });
  const user = await browser.open("/");
  await register(user, "mia");
  await logIn(page, "admin");
  await page.goto("/admin/providers");
  await page.getByText("No providers yet").waitFor();

  // A known service fills in the form; its address is replaced by that of the double. The key is wrong.
  await press(page, "Add provider");
  const form = dialog(page, "Add a provider");
  await choose(page, "Service", "Mistral");
  assert.equal(await form.getByLabel("Name").inputValue(), "Mistral");
  assert.equal(await form.getByLabel("Address").inputValue(), "https://api.mistral.ai/v1");
  await form.getByLabel("Name").fill("Double");
  await form.getByLabel("Address").fill(address);
  await form.getByRole("textbox", { name: "API key" }).fill("sk-a-key-that-is-wrong-0000");
  assert.equal(await form.getByLabel("Connect timeout").getAttribute("placeholder"), "10");
  await form.getByLabel("First-byte timeout").fill("20");
  await looksRight(page, "provider form");
  await press(form, "Connect");

  // The test says so, and leads back to the form.
  const failing = dialog(page, "Test Double");
  await press(failing, "Test connection");
  await failing.getByText("The connection does not work.").waitFor();
  await failing.getByText(/^The provider rejects the API key \(401\)/).waitFor();
  await failing.getByText("Connected to port").waitFor();
  await looksRight(page, "provider test failed");
  await press(failing, "Edit…");
  const edit = dialog(page, "Edit Double");
  assert.equal(await edit.getByRole("textbox", { name: "API key" }).inputValue(), "");
  const timeouts = ["Connect timeout", "First-byte timeout", "Idle timeout"].map((name) => edit.getByLabel(name).inputValue());
  assert.deepEqual(await Promise.all(timeouts), ["", "20", ""]);
  await edit.getByLabel("Connect timeout").fill("5");
  await edit.getByText(/\(…0000, set .*\)\. Leave empty to keep it\./).waitFor();
  await edit.getByRole("textbox", { name: "API key" }).fill(KEY);
  await press(edit, "Save");
  const working = dialog(page, "Test Double");
  await working.getByLabel("Model").fill("double-small");
  await press(working, "Test connection");
  await working.getByText("The connection works.").waitFor();
  await working.getByText("It lists 3 models.").waitFor();
  await working.getByText("double-small replies.").waitFor();
  await looksRight(page, "provider test");

  // Two of its models, each with its price. One without a price is refused.
  await press(working, "List models…");
  const list = dialog(page, "Models of Double");
  await list.getByLabel("Search").fill("large");
  await list.getByRole("checkbox", { name: "double-small" }).waitFor({ state: "detached" });
  await list.getByRole("checkbox", { name: "double-large" }).check();
  await list.getByLabel("Search").fill("");
  await list.getByRole("checkbox", { name: "double-small" }).check();
  await list.getByLabel("Per message, double-small").fill("7");
  await press(list, "Add 2 models");
  await list.getByText("Enter a price. A price of 0 is free.").waitFor();
  await list.getByLabel("Input, per million, double-large").fill("1000000");
  await list.getByLabel("Output, per million, double-large").fill("2000000");
  await looksRight(page, "models of a provider");
  await press(list, "Add 2 models");
  await page.getByText("2 models added.").waitFor();
  await list.waitFor({ state: "detached" });

  // The key is not on the page, but its end.
  await page.getByText(/^…4711, set/).waitFor();
  assert.ok(!(await page.content()).includes(KEY));
  await looksRight(page, "providers");

  // Where it was open before, a reload has them.
  await user.reload();
  await user.getByRole("combobox", { name: "Model" }).click();
  await user.getByRole("option", { name: /^double-small/ }).click();
  await send(user, "hello");
  await newest(user).getByText("double-small says: hello").waitFor();
  await newest(user).getByText(/7 tokens/).waitFor();
});

test("prices change with a preview, models are changed, disabled and deleted, and the log tells all of it", async () => {
  const page = await browser.open("/", { reducedMotion: "reduce" });
  await logIn(page, "admin");
  await page.goto("/admin/providers");
  await page.getByRole("link", { name: "Models of Double" }).click();
  await page.waitForURL(/admin\/models\?provider=/);
  await page.getByText("2 models", { exact: true }).waitFor();
  await page.getByText("1,000,000 in · 2,000,000 out per 1M").waitFor();

  await press(page, "Set price of double-large");
  const price = dialog(page, "Price of double-large");
  await price.getByText("costs 2,000 tokens now, and 2,000 tokens then.").waitFor();
  await price.getByLabel("Output, per million", { exact: true }).fill("4000000");
  await price.getByText("costs 2,000 tokens now, and 3,000 tokens then.").waitFor();
  await looksRight(page, "price of a model");
  await press(price, "Set price");
  await page.getByText("1,000,000 in · 4,000,000 out per 1M").waitFor();
  await press(page, "Set price of double-large");
  await price.getByRole("row", { name: /2,000,000 out per 1M 1 .* admin/ }).waitFor();
  await price.getByRole("row", { name: /4,000,000 out per 1M 2 .* admin/ }).waitFor();
  await page.keyboard.press("Escape");
  await price.waitFor({ state: "detached" });

  await press(page, "Edit double-large");
  const edit = dialog(page, "Edit double-large");
  await edit.getByLabel("Title").fill("The large one");
  await edit.getByLabel("Context window").fill("");
  await press(edit, "Save");
  await edit.getByText("Enter a whole number").waitFor();
  await edit.getByLabel("Context window").fill("65536");
  await looksRight(page, "model form");
  await press(edit, "Save");
  await page.getByText("The large one", { exact: true }).waitFor();
  await page.getByText("65,536").waitFor();

  // The configuration of the server names the default model, which wins.
  await press(page, "Make the default: The large one");
  await page.getByText('jeton.toml or the environment sets default_model to "scripted", and wins.').waitFor();

  // A disabled one is not offered.
  await page.getByRole("switch", { name: "Enabled: The large one" }).click({ force: true });
  await page.getByText("The large one disabled.").waitFor();
  const user = await browser.open("/");
  await logIn(user, "mia");
  await user.getByRole("combobox", { name: "Model" }).click();
  await user.getByRole("option", { name: /^double-small/ }).waitFor();
  assert.equal(await user.getByRole("option", { name: /^The large one/ }).count(), 0);

  // A further one by hand; a name of the file is refused at its field.
  await press(page, "Add model");
  const form = dialog(page, "Add a model");
  await form.getByLabel("Name", { exact: true }).fill("scripted");
  await press(form, "Add");
  await form.getByText("Choose a provider, and enter its name of the model").waitFor();
  await form.getByRole("combobox", { name: "Provider" }).click();
  await page.getByRole("option", { name: "Double", exact: true }).click();
  await form.getByLabel("Its name of the model").fill("double-embedding");
  await form.getByLabel("Per message").fill("0");
  await press(form, "Add");
  await form.getByText("jeton.toml has a model of this name.").waitFor();
  await form.getByLabel("Name", { exact: true }).fill("free one");
  await press(form, "Add");
  await page.getByText("Model free one added.").waitFor();
  await press(page, "Delete free one");
  await press(dialog(page, "Delete free one?"), "Delete");
  await page.getByRole("button", { name: "Delete free one" }).waitFor({ state: "detached" });

  // A provider in use stays.
  await page.goto("/admin/providers");
  await press(page, "Delete Double");
  await press(dialog(page, "Delete Double?"), "Delete");
  await page.getByText(/^These models use the provider: double-large, double-small/).waitFor();

  await page.goto("/admin/audit");
  for (const label of ["Connected the provider Double", "Added the model double-small", "Deleted the model free one"]) {
    await page.getByText(label, { exact: true }).waitFor();
  }
  await page.getByText("Disabled the model double-large", { exact: true }).waitFor();
  await page.getByText(/1,000,000 in · 2,000,000 out per 1M → 1,000,000 in · 4,000,000 out per 1M \(version 2\)/).waitFor();
});

/** Sends messages of a user without a page. Returns the states of their chats. */
async function say(username, model, messages) {
  const login = "mutation($input: LoginInput!) { login(input: $input) { accessToken } }";
  const { accessToken } = (await graphql(server.url, null, login, { input: { username, password: PASSWORD } })).login;
  const message = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { chat { status } } }";
  const statuses = [];
  for (let sent = 0; sent < messages; sent += 1) {
    const answer = await graphql(server.url, accessToken, message, { input: { message: "hello", model } });
    statuses.push(answer.sendMessage.chat.status);
  }
  return statuses;
}

test("a provider that fails is shown with its breaker, which a superuser resets", async () => {
  const page = await browser.open("/", { reducedMotion: "reduce" });
  await logIn(page, "admin");
  isFailing = true;
  assert.deepEqual(await say("mia", "double-small", 5), Array(5).fill("FAILED"));
  await page.goto("/admin/providers");
  await page.getByRole("link", { name: "Models of Double" }).getByText("2 models").waitFor();
  const row = page.getByRole("row", { name: /^double-small Double: double-small/ });
  await row.getByText("open", { exact: true }).waitFor();
  await row.getByText(/^15 upstream$/).waitFor();
  await row.getByText(/The double has a bad day/).waitFor();
  await looksRight(page, "routes with an open breaker");
  isFailing = false;
  await press(page, "Reset breaker of double-small, Double");
  await page.getByText("Breaker of Double closed.").waitFor();
  await row.getByText("closed", { exact: true }).waitFor();
  assert.deepEqual(await say("mia", "double-small", 1), ["DONE"]);
  await press(page, "Refresh");
  // Retries count.
  await row.getByText("17", { exact: true }).waitFor();
  await looksRight(page, "routes");
  await page.goto("/admin/audit");
  await page.getByText("Reset the circuit breakers of double-small", { exact: true }).waitFor();
});

test("staff look at the catalog, and change nothing", async () => {
  const page = await browser.open("/");
  await logIn(page, "sue");
  await page.goto("/admin/providers");
  await page.getByText("Only superusers can change providers.").waitFor();
  await page.getByText(/^…4711, set/).waitFor();
  assert.equal(await page.getByRole("main").getByRole("button", { name: /Add|Test|Edit|Delete|List/ }).count(), 0);
  await page.goto("/admin/models");
  await page.getByText("Only superusers can change models and prices.").waitFor();
  await page.getByRole("row", { name: /^scripted .*default, by jeton\.toml.*from jeton\.toml/ }).waitFor();
  assert.equal(await page.getByRole("switch").count(), 0);
  assert.equal(await page.getByRole("main").getByRole("button", { name: /Add|Set|Edit|Make|Delete/ }).count(), 0);
  await press(page, "Prices of double-small");
  const prices = dialog(page, "Price of double-small");
  await prices.getByRole("row", { name: /^7 tokens a message 1 / }).waitFor();
  assert.equal(await prices.getByRole("button", { name: "Set price" }).count(), 0);
});

test("a server with the built-in models alone leads its superuser to the providers", async () => {
  const page = await browser.open("/", { reducedMotion: "reduce" });
  await logIn(page, "admin");
  await page.goto("/admin");
  await page.getByRole("heading", { name: "Dashboard" }).waitFor();
  await page.waitForLoadState("networkidle");
  assert.equal(await page.getByText("Connect a provider").count(), 0);
  // The server of this test has others.
  await page.route("**/graphql", (route) => {
    if (!/query CatalogNames/.test(route.request().postData() ?? "")) return route.fallback();
    return route.fulfill({ json: { data: { catalogModels: { nodes: [{ name: "echo" }, { name: "smollm2" }] } } } });
  });
  await page.reload();
  await page.getByText("Connect a provider").waitFor();
  await page.waitForLoadState("networkidle");
  await looksRight(page, "dashboard notice");
  await page.getByRole("main").getByRole("link", { name: "Providers" }).click();
  await page.waitForURL(/admin\/providers/);
  await page.getByRole("heading", { name: "Providers" }).waitFor();
});

test("the pages are accessible in the dark, on a desk and on a phone", async () => {
  const dark = await browser.open("/", { colorScheme: "dark", reducedMotion: "reduce" });
  await logIn(dark, "admin");
  for (const path of ["providers", "models"]) {
    await dark.goto(`/admin/${path}`);
    await dark.getByText("Double").first().waitFor();
    await looksRight(dark, path);
  }
  await press(dark, "Set price of double-small");
  await dialog(dark, "Price of double-small").getByRole("heading", { name: "Versions" }).waitFor();
  await dialog(dark, "Price of double-small").getByRole("row", { name: /^7 tokens/ }).waitFor();
  await looksRight(dark, "price of a model");
});

test("one of many models is found, chosen and kept", async () => {
  const login = "mutation($input: LoginInput!) { login(input: $input) { accessToken } }";
  const { accessToken } = (await graphql(server.url, null, login, { input: { username: "admin", password: PASSWORD } })).login;
  const call = (query, variables) => graphql(server.url, accessToken, query, variables);
  const providerId = (await call("{ providers { nodes { id } } }")).providers.nodes[0].id;
  const create = "mutation($input: CreateModelInput!) { createModel(input: $input) { errors { message } } }";
  for (let number = 100; number < 220; number += 1) {
    const routes = [{ providerId, upstreamModel: `many-${number}` }];
    const { createModel } = await call(create, { input: { name: `many-${number}`, price: { perMessage: 1 }, routes } });
    assert.deepEqual(createModel.errors, []);
  }
  const user = await browser.open("/", { reducedMotion: "reduce" });
  await logIn(user, "mia");
  const select = user.getByRole("combobox", { name: "Model" });
  await select.click();
  await select.fill("many-2 19");
  await user.getByRole("option", { name: /^many-219/ }).click();
  await send(user, "hello");
  await newest(user).getByText("many-219 says: hello").waitFor();
  // Neither the first of the list nor a search has it after a reload.
  await user.reload();
  await newest(user).getByText("many-219 says: hello").waitFor();
  await user.waitForFunction(() => /^many-219/.test(document.querySelector('[aria-label="Model"]')?.value ?? ""));
  await send(user, "once again");
  await newest(user).getByText("many-219 says: once again").waitFor();
});
