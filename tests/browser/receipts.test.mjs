// The receipt of a message: how its cost was calculated.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { tooSmall, unfitForPhones } from "./checks.mjs";
import { reasoningModels, startReasoning } from "./reasoning.mjs";
import { accessible, fits, logIn, newest, send, startBrowser, startServer } from "./support.mjs";
import { field, open } from "./thread.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

let upstream, server, browser;
before(async () => {
  upstream = await startReasoning();
  server = await startServer(reasoningModels(upstream));
  browser = await startBrowser(server.url);
});
after(async () => {
  await browser.close();
  await server.stop();
  upstream.close();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

async function choose(page, model) {
  await page.getByRole("combobox", { name: "Model" }).click();
  await page.getByRole("option", { name: new RegExp(`^${model}`) }).click();
}

const cost = (page) => newest(page).getByRole("button", { name: /tokens: show the receipt$/ });
const receipt = (page) => page.getByRole("dialog", { name: "Receipt" });
const value = (dialog, term) => dialog.locator(`:is(dt, th):text-is("${term}") + :is(dd, td)`);

/** The charges of the table, as arrays of cells. */
const lines = (page) => receipt(page).locator("tbody tr").evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText.replaceAll("\u00a0", " "))));

async function openReceipt(page) {
  await cost(page).click();
  await value(receipt(page), "Charged").or(receipt(page).getByText(/charged/)).first().waitFor();
}

async function close(page) {
  await page.keyboard.press("Escape");
  await receipt(page).waitFor({ state: "detached" });
}

test("the receipt of a metered message is exact, line by line", async () => {
  const page = await open(browser, "met");
  await choose(page, "thinker");
  await send(page, "think 2");
  await page.getByText(/^thinker · 14 tokens$/).waitFor();
  await openReceipt(page);
  await receipt(page).getByText(/^Price of thinker, version 1, since \w+ \d+, \d{4}$/).waitFor();
  assert.deepEqual(await lines(page), [
    ["Input", "300", "3,000 per 1M", "0.9"],
    ["Input from cache", "1,000", "300 per 1M", "0.3"],
    ["Output", "200", "15,000 per 1M", "3"],
    ["Thinking", "600", "15,000 per 1M", "9"],
  ]);
  for (const [term, expected] of [
    ["Total", "13.2"],
    ["Rounded up", "14"],
    ["Charged", "14"],
    ["Input", "1,300 model tokens (1,000 from cache)"],
    ["Output", "800 model tokens (600 for thinking)"],
  ]) {
    assert.equal(await value(receipt(page), term).innerText(), expected, term);
  }
  assert.equal(await receipt(page).getByText(/Estimated|Limited/).count(), 0);
  await close(page);
  await page.waitForFunction(() => document.activeElement?.ariaLabel === "14 tokens: show the receipt");

  // The same from the details, which give way to it.
  await newest(page).getByRole("button", { name: "Details of the answer" }).click();
  const details = page.getByRole("dialog", { name: "Details of the answer" });
  await details.getByText("1,300 model tokens (1,000 from cache)").waitFor();
  await details.getByText("3,000 in · 15,000 out · 300 cached in per 1M").waitFor();
  await details.getByRole("button", { name: "14 tokens: show the receipt" }).click();
  await value(receipt(page), "Charged").waitFor();
  await details.waitFor({ state: "detached" });
  await close(page);
  await page.waitForFunction(() => document.activeElement?.ariaLabel === "Details of the answer");
});

test("a limit, an estimate, a flat price, and nothing that was charged are explained", async () => {
  const page = await open(browser, "exp");
  await choose(page, "thinker");
  await send(page, "huge 1");
  await page.getByText(/^thinker · 16 tokens$/).waitFor();
  await openReceipt(page);
  assert.equal(await value(receipt(page), "Limited to the 16 tokens reserved").innerText(), "16");
  assert.equal(await value(receipt(page), "Charged").innerText(), "16");
  await close(page);

  await send(page, "bare 1");
  await newest(page).getByText(/^thinker · \d tokens?$/).waitFor();
  await newest(page).getByRole("button", { name: /token.*: show the receipt$/ }).click();
  await receipt(page).getByText(/^Estimated/).waitFor();
  await close(page);

  await choose(page, "flat");
  await send(page, "think 1");
  await newest(page).getByText(/^flat · 10 tokens$/).waitFor();
  await openReceipt(page);
  assert.deepEqual(await lines(page), [["Message", "1", "10 each", "10"]]);
  await close(page);

  await send(page, "limit 1");
  await newest(page).getByText(/^flat · 0 tokens$/).waitFor();
  await openReceipt(page);
  await receipt(page).getByText("Nothing was charged at this price.").waitFor();
  await close(page);

  await choose(page, "scripted");
  await send(page, "fail");
  await newest(page).getByText(/^scripted · 0 tokens$/).waitFor();
  await openReceipt(page);
  await receipt(page).getByText("Nothing was charged, so there is no receipt.").waitFor();
});

test("operators see the receipt and the thoughts of a user's message", async () => {
  const page = await open(browser, "use");
  await choose(page, "thinker");
  await send(page, "think 2");
  await page.getByText(/^thinker · 14 tokens$/).waitFor();
  const operator = await browser.open("/");
  await logIn(operator, "admin");
  await operator.goto("/admin/chats?search=use");
  await operator.getByRole("button", { name: /think 2/ }).first().click();
  const dialog = operator.getByRole("dialog", { name: "Message" });
  await dialog.getByRole("button", { name: /^Thought/ }).click();
  await dialog.getByText("Step 1.").waitFor();
  await dialog.getByRole("button", { name: "14 tokens: show the receipt" }).click();
  assert.equal(await value(receipt(operator), "Charged").innerText(), "14");
  await accessible(operator, "a receipt above a message");
  // Escape closes the upper one alone.
  await close(operator);
  await dialog.waitFor();
});

test("prices are per million model tokens, wherever they are", async () => {
  const page = await open(browser, "pri");
  const price = "3,000 in · 15,000 out · 300 cached in per 1M";
  await page.getByRole("combobox", { name: "Model" }).click();
  await page.getByRole("option", { name: new RegExp(`^thinker.*${price}$`, "s") }).click();
  await page.goto("/account?tab=usage");
  await page.getByRole("region", { name: "Prices" }).getByText(price).waitFor();
  await accessible(page, "prices");
});

for (const colorScheme of ["light", "dark"]) {
  test(`a receipt on a phone and on a desk, ${colorScheme}`, async () => {
    const page = await open(browser, `pho${colorScheme}`, { ...PHONE, colorScheme, reducedMotion: "reduce" });
    await choose(page, "thinker");
    await field(page).fill("think 1");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await page.getByText(/^thinker · 14 tokens$/).waitFor();
    assert.deepEqual(await tooSmall(page), []);
    await openReceipt(page);
    await accessible(page, "a receipt on a phone");
    await fits(page, "a receipt on a phone");
    assert.deepEqual([...(await tooSmall(page)), ...(await unfitForPhones(page))], []);
    // The table is as wide as the screen has room for.
    assert.ok(await receipt(page).getByRole("region", { name: "Charges" }).evaluate((box) => box.scrollWidth <= box.clientWidth));
    await page.setViewportSize({ width: 1280, height: 800 });
    await accessible(page, "a receipt on a desk");
  });
}
