// Superusers compare price lists with the models, confirm what is held back, and apply the prices.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { accessible, fits, logIn, startBrowser, startServer } from "./support.mjs";

const DESK = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

/** An OpenAI-compatible service, which reads 1000 model tokens and writes 500. */
async function startDouble() {
  const service = createServer(async (request, response) => {
    for await (const chunk of request) void chunk;
    response.writeHead(200, { "content-type": "text/event-stream" });
    const say = (more) => response.write(`data: ${JSON.stringify(more)}\n\n`);
    say({ choices: [{ index: 0, delta: { content: "Yes." }, finish_reason: "stop" }] });
    say({ choices: [], usage: { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 } });
    response.end("data: [DONE]\n\n");
  });
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  return service;
}

let server, browser, double;
before(async () => {
  double = await startDouble();
  server = await startServer("ledger.currency = \"EUR\"\n ledger.tokens_per_unit = 1000000\n ledger.signup_grant = 100000");
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

/** Adds a model of the double with a price per million model tokens of input and output. */
function addModel(name, input, output) {
  const price = ["--per-million-input", String(input), "--per-million-output", String(output)];
  server.run("model", "add", name, "--provider", "double", ...price);
}

const LIST = {
  "alpha": { litellm_provider: "any", mode: "chat", input_cost_per_token: 1e-6, output_cost_per_token: 4e-6 },
  "beta": { litellm_provider: "any", mode: "chat", input_cost_per_token: 5e-5, output_cost_per_token: 4e-6 },
  "gamma": { litellm_provider: "any", mode: "image_generation" },
};

test("a price list is compared, large changes are confirmed one by one, and the chosen prices apply", async () => {
  server.run("provider", "add", "double", "--kind", "openai", "--base-url", `http://127.0.0.1:${double.address().port}/v1`);
  addModel("alpha", 1_000_000, 2_000_000);
  for (const name of ["beta", "gamma", "delta"]) addModel(name, 1_000_000, 4_000_000);
  const page = await browser.open("/", { reducedMotion: "reduce" });
  await logIn(page, "admin");
  await page.goto("/admin/models");
  await page.getByRole("row", { name: /^delta/ }).waitFor();

  // Nothing, no list, and a wrong markup are refused, each at its field.
  await press(page, "Propose prices");
  const form = dialog(page, "Propose prices from a list");
  await press(form, "Compare");
  await form.getByText("Choose a file, or paste a price list.").waitFor();
  await form.getByLabel("Or paste it").fill("{}");
  await press(form, "Compare");
  await form.getByText(/^This is no known price list/).waitFor();
  await form.getByLabel("Or paste it").fill(JSON.stringify(LIST));
  await form.getByLabel("Markup").fill("much");
  await press(form, "Compare");
  await form.getByText(/^A factor such as 1\.2, or a percentage such as 20%;/).waitFor();
  await looksRight(page, "price list form");
  await form.getByLabel("Markup").fill("50%");
  await press(form, "Compare");

  const changes = form.getByRole("region", { name: "Changes" });
  await changes.getByText("Input, per million: 1,000,000 → 1,500,000 (×1.5)").waitFor();
  await changes.getByText("Output, per million: 2,000,000 → 6,000,000 (×3)").waitFor();
  const heldBack = form.getByRole("region", { name: "Held back" });
  await heldBack.getByText("Input, per million: 1,000,000 → 75,000,000 (×75)").waitFor();
  assert.equal(await heldBack.getByRole("checkbox", { name: "Confirm beta" }).isChecked(), false);
  await form.getByRole("region", { name: "Without a price" }).getByText(/for "image_generation", not for chats/).waitFor();
  await form.getByText("Not in the list: delta.").waitFor();
  await form.getByText(/1 unit of the list’s currency is worth 1,000,000 tokens\./).waitFor();
  await looksRight(page, "price differences");

  // Only what needs no confirmation, at first.
  await changes.getByRole("checkbox", { name: "Select alpha" }).uncheck();
  assert.ok(await form.getByRole("button", { name: "Apply prices" }).isDisabled());
  await changes.getByRole("checkbox", { name: "Select alpha" }).check();
  await heldBack.getByRole("checkbox", { name: "Confirm beta" }).check();
  // Someone else changes a price meanwhile: none is applied.
  server.run("model", "price", "beta", "--per-message", "7");
  await page.waitForTimeout(1500);
  await press(form, "Apply 2 prices");
  await form.getByText(/^The price was changed since the comparison, of beta\./).waitFor();
  await press(form, "Back");
  await form.getByLabel("Or paste it").fill(JSON.stringify(LIST));
  await form.getByLabel("Markup").fill("1.5");
  await press(form, "Compare");
  await changes.waitFor();
  await press(form, "Apply 1 price");
  await page.getByText("1 price set.").waitFor();
  await page.getByRole("row", { name: /^alpha .*1,500,000 in · 6,000,000 out per 1M/ }).waitFor();
  await page.getByRole("row", { name: /^beta .*7 tokens a message/ }).waitFor();
});

test("a long list is read from a file, and sent in parts", async () => {
  const page = await browser.open("/", { reducedMotion: "reduce" });
  await logIn(page, "admin");
  await page.goto("/admin/models");
  await page.getByRole("row", { name: /^delta/ }).waitFor();
  const others = Array.from({ length: 9000 }, (_, at) => [`other-${at}`, { ...LIST.alpha, source: "https://example.org/prices" }]);
  const list = JSON.stringify(Object.fromEntries([...others, ["delta", LIST.alpha]]));
  assert.ok(list.length > 1_200_000);
  await press(page, "Propose prices");
  const form = dialog(page, "Propose prices from a list");
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), form.getByRole("button", { name: "File" }).click()]);
  await chooser.setFiles({ name: "prices.json", mimeType: "application/json", buffer: Buffer.from(list) });
  await press(form, "Compare");
  await form.getByText(/^0 prices differ, 1 stay\./).waitFor();
  await form.getByText("Not in the list: alpha, beta, gamma.").waitFor();
});
