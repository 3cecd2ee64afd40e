// What a message will cost, and how long it may be.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, balance, logIn, newest, register, send, startBrowser, startServer } from "./support.mjs";

let server, browser;
before(async () => {
  server = await startServer(
    `ledger.signup_grant = 400
     turns.max_message_chars = 20000
     [models.metered]
     provider = "echo"
     price = { per_million_input = 10000, per_million_output = 30000 }
     [models.dear]
     provider = "echo"
     price = { per_million_input = 1000000, per_million_output = 3000000 }`,
  );
  browser = await startBrowser(server.url);
});
after(async () => {
  await browser.close();
  await server.stop();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

const field = (page) => page.getByLabel("Message", { exact: true });
const number = (text) => Number(text.replaceAll(",", ""));

async function choose(page, name) {
  await page.getByRole("combobox", { name: "Model" }).click();
  await page.getByRole("option", { name: new RegExp(`^${name}`) }).click();
}

/** The most that a message costs, as the composer says. */
async function estimated(page) {
  const text = await page.getByText(/^about [\d,]+, at most [\d,]+ tokens?$/).textContent();
  const [expected, most] = text.match(/[\d,]+(?=,| token)/g).map(number);
  assert.ok(expected <= most, text);
  return most;
}

test("the estimate of a metered message is never below its hold, nor its cost above", async () => {
  const page = await browser.open("/");
  await register(page, "est");
  await field(page).fill("a flat price needs no estimate");
  await page.waitForTimeout(1_000);
  assert.equal(await page.getByText(/at most/).count(), 0);
  await choose(page, "metered");
  for (const text of ["short", "a longer message ".repeat(20).trim(), "é🎉 ".repeat(50).trim()]) {
    await field(page).fill(text);
    const most = await estimated(page);
    await accessible(page, "an estimate");
    await field(page).press("Enter");
    await newest(page).getByText(/^metered · \d+ tokens?/).waitFor();
    await newest(page).getByRole("button", { name: "Details of the answer" }).click();
    const details = page.getByRole("dialog", { name: "Details of the answer" });
    const value = async (term) => number((await details.locator(`dt:text-is("${term}") + dd`).textContent()).match(/[\d,]+/)[0]);
    assert.ok((await value("Reserved before")) <= most, text);
    assert.ok((await value("Charged")) <= most, text);
    await page.waitForFunction(() => document.activeElement?.closest("[role=dialog]"));
    await page.keyboard.press("Escape");
    await details.waitFor({ state: "detached" });
  }
  // It is that of the text in the field, and none of an empty one.
  assert.equal(await page.getByText(/at most/).count(), 0);
  // An estimate that fails says nothing.
  await page.route("**/graphql", (route) => (route.request().postData()?.includes("EstimateMessage") ? route.abort() : route.fallback()));
  await field(page).fill("unknown");
  await page.waitForTimeout(1_000);
  assert.equal(await page.getByText(/at most/).count(), 0);
  assert.equal(await page.getByRole("alert").count(), 0);
});

test("what is missing is named, before and after sending", async () => {
  server.run("user", "create", "poor", "--password-stdin");
  const page = await browser.open("/");
  await logIn(page, "poor");
  await choose(page, "dear");
  const text = "too much ".repeat(1_500).trim();
  await field(page).fill(text);
  const missing = /^This needs [\d,]+ tokens; you have [\d,]+\.$/;
  const has = number(await balance(page).textContent());
  await page.getByText(missing).waitFor();
  const [required, available] = (await page.getByText(missing).textContent()).match(/[\d,]+/g).map(number);
  assert.ok(required > available && available === has, `${required} of ${available}`);
  await field(page).press("Enter");
  const alert = page.getByRole("alert");
  await alert.getByText(`This needs ${required.toLocaleString("en")} tokens; you have ${available.toLocaleString("en")}.`).waitFor();
  assert.equal(await field(page).inputValue(), text);
});

test("the limit of the operator is honoured, and Enter says by how much to shorten", async () => {
  const page = await browser.open("/");
  await register(page, "lim");
  await field(page).fill("a".repeat(20_001));
  await field(page).press("Enter");
  await page.getByText("20,001 / 20,000 characters: shorten by 1", { exact: true }).waitFor();
  await page.getByText("What can I help with?").waitFor();
  await send(page, "b".repeat(20_000));
  await newest(page).getByText("100 tokens").waitFor();
  await newest(page).getByLabel("Edit the message").click();
  await page.getByLabel("Edit message").fill("c".repeat(25_000));
  await page.getByText("25,000 / 20,000 characters: shorten by 5,000").waitFor();
  await page.getByLabel("Edit message").press("Enter");
  await page.getByLabel("Edit message").waitFor();
  await page.getByLabel("Edit message").press("Escape");

  await page.getByRole("button", { name: "Add instructions" }).click();
  const dialog = page.getByRole("dialog", { name: "Instructions" });
  await dialog.getByRole("textbox", { name: "Instructions" }).fill("a".repeat(5_000));
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("5,000 / 4,000 characters: shorten by 1,000").waitFor();
});
