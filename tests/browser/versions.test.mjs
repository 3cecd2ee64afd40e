// Versions of a message: choosing, continuing, and what a new one costs.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, balance, fits, holds, newest, send, startBrowser, startServer } from "./support.mjs";
import { CHEAP, articles, ask, open } from "./thread.mjs";

let server, browser;
before(async () => {
  server = await startServer(CHEAP);
  browser = await startBrowser(server.url);
});
after(async () => {
  await browser.close();
  await server.stop();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

/** Edits a message, and waits for its answer. */
async function edit(page, article, text) {
  await article.getByLabel("Edit the message").click();
  await page.getByLabel("Edit message").fill(text);
  await page.getByLabel("Edit message").press("Enter");
  await newest(page).getByText(text).nth(1).waitFor();
  await newest(page).getByText(/^\w+ · \d+ tokens?/).waitFor();
}

/** The messages of the thread, in their order. */
const messages = (page) => articles(page).evaluateAll((all) => all.map((article) => article.querySelector("[dir=auto]").textContent));

/** Waits until these are the messages of the thread. */
async function shows(page, ...expected) {
  await page.waitForFunction(
    (wanted) => JSON.stringify([...document.querySelectorAll("article")].map((article) => article.querySelector("[dir=auto]")?.textContent)) === wanted,
    JSON.stringify(expected),
  );
}

const choose = (article, direction) => article.getByRole("button", { name: `${direction} version` }).click();

test("a chosen version returns with what was said after it, and the next message continues from it", async () => {
  const page = await open(browser, "cho");
  await ask(page, "A");
  await ask(page, "B");
  await ask(page, "C");
  await articles(page).nth(1).getByLabel("Edit the message").click();
  await page.getByText("Later messages move to another version; you can switch back.").waitFor();
  await page.keyboard.press("Escape");
  await edit(page, articles(page).nth(1), "B2");
  await shows(page, "A", "B2");
  await articles(page).nth(1).getByText("2/2").waitFor();
  assert.equal(await articles(page).first().getByRole("group", { name: "Versions of this message" }).count(), 0);
  await ask(page, "D");
  const spent = await balance(page).textContent();

  await choose(articles(page).nth(1), "Previous");
  await shows(page, "A", "B", "C");
  await articles(page).nth(1).getByText("1/2").waitFor();
  // The focus is on the same button of the version that is shown now.
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Previous version");
  await accessible(page, "versions");
  await ask(page, "E");
  await choose(articles(page).nth(1), "Next");
  await shows(page, "A", "B2", "D");
  await choose(articles(page).nth(1), "Previous");
  await shows(page, "A", "B", "C", "E");
  await page.reload();
  await newest(page).getByText("E").first().waitFor();
  assert.deepEqual(await messages(page), ["A", "B", "C", "E"]);
  await balance(page).getByText("19,400").waitFor();
  assert.equal(spent, "19,500");
  await page.getByText("600 tokens in this chat").waitFor();

  // A version within another one.
  await articles(page).nth(2).getByRole("button", { name: "Regenerate the answer" }).click();
  await page.getByText("Later messages move to another version; you can switch back.").waitFor();
  await page.getByRole("dialog", { name: "Regenerate this answer?" }).getByRole("button", { name: "Regenerate" }).click();
  await shows(page, "A", "B", "C");
  await newest(page).getByText("2/2").waitFor();
  await choose(articles(page).nth(1), "Next");
  await shows(page, "A", "B2", "D");
});

test("a version cannot be chosen while an answer is in progress, and a failed one leaves the other", async () => {
  const page = await open(browser, "fai");
  await ask(page, "A");
  await edit(page, newest(page), "A2");
  await send(page, `slow ${"word ".repeat(60)}`);
  await page.getByRole("button", { name: "Stop the answer" }).waitFor();
  assert.equal(await articles(page).first().getByRole("button", { name: "Previous version" }).getAttribute("aria-disabled"), "true");
  await page.keyboard.press("Escape");
  await newest(page).getByText(/· stopped/).waitFor();

  // An edit that fails without a word: the version before returns, and Try again replaces that one.
  await articles(page).first().getByLabel("Edit the message").click();
  await page.getByLabel("Edit message").fill("fail please");
  await page.getByLabel("Edit message").press("Enter");
  await newest(page).getByText(/Nothing was charged/).waitFor();
  await page.waitForFunction(() => document.querySelectorAll("article").length === 3);
  await articles(page).first().getByText("2/3").waitFor();
  await newest(page).getByRole("button", { name: "Try again" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Regenerate" }).click();
  await articles(page).first().getByText("2/4").waitFor();
  await newest(page).getByText(/Nothing was charged/).waitFor();
  await page.reload();
  await articles(page).first().getByText("2/4").waitFor();
  assert.equal(await articles(page).count(), 3);
});

test("deleting a version brings back another one", async () => {
  const page = await open(browser, "del");
  await ask(page, "A");
  await edit(page, newest(page), "A2");
  await newest(page).getByLabel("Delete the message and its answer").click();
  await page.getByText("Another version of it takes its place.").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await shows(page, "A");
  assert.equal(await page.getByRole("group", { name: "Versions of this message" }).count(), 0);
});

test("a search hit in another version can be shown", async () => {
  const page = await open(browser, "hit");
  await ask(page, "A");
  await ask(page, "B");
  await ask(page, "pelican");
  await edit(page, articles(page).nth(1), "B2");
  await edit(page, articles(page).first(), "A2");
  await shows(page, "A2");
  await page.getByLabel("Search messages").fill("pelican");
  await page.getByRole("link", { name: /pelican/ }).click();
  await page.getByText("This message is in another version of the chat.").waitFor();
  await page.getByRole("button", { name: "Show it" }).click();
  await shows(page, "A", "B", "pelican");
  assert.equal(await page.getByRole("button", { name: "Show it" }).count(), 0);
});

test("an answer is regenerated, and a message edited, by another model at its price", async () => {
  const page = await open(browser, "mod");
  await ask(page, "A");
  await newest(page).getByRole("button", { name: "Regenerate by another model" }).click();
  await page.getByRole("menuitem", { name: /^cheap\s*10 tokens a message/ }).click();
  await newest(page).getByText("cheap · 10 tokens").waitFor();
  await balance(page).getByText("19,890").waitFor();
  await newest(page).getByRole("button", { name: "Regenerate the answer" }).hover();
  await page.getByText("Regenerate by cheap · 10 tokens a message").waitFor();
  await newest(page).getByLabel("Edit the message").click();
  const model = page.getByRole("combobox", { name: "Model of the edited message" });
  await holds(model, "cheap · 10 tokens a message");
  await accessible(page, "the form that edits a message");
  await model.click();
  await page.getByRole("option", { name: /^scripted/ }).click();
  await page.getByLabel("Edit message").fill("A3");
  await page.getByLabel("Edit message").press("Enter");
  await newest(page).getByText("scripted · 100 tokens").waitFor();
  await newest(page).getByText("3/3").waitFor();
});

test("a stopped answer is continued", async () => {
  const page = await open(browser, "con");
  await send(page, `slow ${"word ".repeat(60)}`);
  await newest(page).getByText(/slow word word/).nth(1).waitFor();
  await page.keyboard.press("Escape");
  await newest(page).getByText(/· stopped/).waitFor();
  await newest(page).getByRole("button", { name: "Continue" }).click();
  await newest(page).getByText("Continue exactly where you stopped.").nth(1).waitFor();
  await newest(page).getByText("100 tokens").waitFor();
  assert.equal(await page.getByRole("button", { name: "Continue" }).count(), 0);
  await newest(page).getByRole("button", { name: "Details of the answer" }).click();
  await page.getByRole("dialog", { name: "Details of the answer" }).getByText("Time to first token").waitFor();
});

test("on a phone versions and models are within reach", async () => {
  const page = await open(browser, "pho", { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  await page.getByLabel("Message", { exact: true }).fill("A question of some words");
  await page.getByRole("button", { name: "Send", exact: true }).tap();
  await newest(page).getByText("100 tokens").waitFor();
  await newest(page).getByRole("button", { name: "Regenerate by another model" }).tap();
  await page.getByRole("menuitem", { name: /^cheap/ }).tap();
  await newest(page).getByText("2/2").waitFor();
  for (const name of ["Previous version", "Next version", "Regenerate the answer", "Regenerate by another model"]) {
    const { width, height } = await newest(page).getByRole("button", { name, exact: true }).boundingBox();
    assert.ok(width >= 44 && height >= 44, `${name} has ${width} x ${height}`);
  }
  await fits(page, "an answer with versions");
  await accessible(page, "an answer with versions on a phone");
});
