// What a model thinks before it answers: while it does, after a reload, when it is stopped, and when nothing else comes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { tooSmall, unfitForPhones } from "./checks.mjs";
import { reasoningModels, startReasoning, thoughts } from "./reasoning.mjs";
import { accessible, fits, newest, send, startBrowser, startServer } from "./support.mjs";
import { field, open, stop } from "./thread.mjs";

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

/** A page of a new user who has chosen a model. */
async function openWith(name, model, options) {
  const page = await open(browser, name, options);
  await page.getByRole("combobox", { name: "Model" }).click();
  await page.getByRole("option", { name: new RegExp(`^${model}`) }).click();
  return page;
}

const thinking = (page) => newest(page).getByRole("button", { name: "Thinking…" });
const thought = (page) => newest(page).getByRole("button", { name: /^Thought/ });
const isOpen = (button) => button.getAttribute("aria-expanded").then((value) => value === "true");
const steps = (page) => newest(page).getByText(/^Step \d+\.$/);

test("thoughts are folded while they come, open by keyboard, and stay so when the answer follows", async () => {
  const page = await openWith("tho", "thinker");
  // The text of the live region, each time that it changes.
  await page.evaluate(() => {
    window.announced = [];
    const note = () => {
      const text = [...document.querySelectorAll("section [aria-live=polite]")].map((region) => region.textContent).join("");
      if (text !== window.announced.at(-1)) window.announced.push(text);
    };
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  await send(page, "think 30");
  await thinking(page).waitFor();
  assert.equal(await isOpen(thinking(page)), false);
  await newest(page).getByText(/^\d s$/).waitFor();
  await accessible(page, "thoughts in progress");
  assert.equal(await steps(page).count(), 0);

  await thinking(page).focus();
  await page.keyboard.press("Enter");
  await steps(page).first().waitFor();
  const region = newest(page).getByRole("region", { name: "Thoughts" });
  // They scroll in themselves, and follow their end.
  await newest(page).getByText("Step 15.").waitFor();
  await page.waitForTimeout(200);
  const box = await region.evaluate((element) => [element.scrollHeight - element.clientHeight, element.scrollTop]);
  assert.ok(box[0] > 50 && box[0] - box[1] < 60, `${box}`);
  await accessible(page, "open thoughts in progress");

  await newest(page).getByText("This is the answer.").waitFor();
  await thought(page).waitFor();
  assert.match(await thought(page).innerText(), /^Thought for [4-9] s$/);
  assert.equal(await isOpen(thought(page)), true);
  await page.getByText(/^thinker · \d+ tokens$/).waitFor();
  assert.equal(await steps(page).count(), 30);
  await accessible(page, "open thoughts");
  await thought(page).click();
  assert.equal(await steps(page).count(), 0);

  // Announced once, and no step of it.
  const announced = await page.evaluate(() => window.announced.filter((text) => text !== ""));
  assert.deepEqual(announced, ["The model is thinking.", "The answer begins.", "The answer is complete."]);

  // The answer alone is copied.
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await newest(page).getByRole("button", { name: "Copy the answer" }).click();
  assert.equal((await page.evaluate(() => navigator.clipboard.readText())).trim(), "This is the answer.");
});

test("whether they are open is kept for each message while the page is", async () => {
  const page = await openWith("kep", "flat");
  await send(page, "think 1");
  await page.getByText(/^flat · 10 tokens$/).waitFor();
  await thought(page).click();
  await steps(page).waitFor();
  const url = page.url();
  await page.getByRole("button", { name: "New chat" }).first().click();
  await page.getByText("What can I help with?").waitFor();
  await page.goBack();
  await page.waitForURL(url);
  await steps(page).waitFor();
  assert.equal(await isOpen(thought(page)), true);
  await page.reload();
  await thought(page).waitFor();
  assert.equal(await isOpen(thought(page)), false);
  assert.equal(await thought(page).innerText(), "Thought for a moment");
});

test("a reload in the middle of the thoughts loses none of them", async () => {
  const page = await openWith("rel", "thinker");
  await send(page, "think 40");
  await thinking(page).click();
  await newest(page).getByText("Step 8.").waitFor();
  await page.reload();
  await thinking(page).click();
  await newest(page).getByText("Step 0.").waitFor();
  await newest(page).getByText("Step 12.").waitFor();
  // Since they began, and not since the reload.
  assert.match(await newest(page).getByText(/^\d s$/).innerText(), /[2-9]/);
  // Without a connection for a moment, they go on where they were.
  await page.context().setOffline(true);
  await page.waitForTimeout(700);
  await page.context().setOffline(false);
  await newest(page).getByText("This is the answer.").waitFor();
  await thought(page).waitFor();
  assert.deepEqual(await steps(page).allInnerTexts(), thoughts(40).map((_, at) => `Step ${at}.`));
  assert.match(await thought(page).innerText(), /^Thought for ([6-9]|1\d) s$/);
});

test("stopped in the middle, the thoughts stay", async () => {
  const page = await openWith("sto", "flat");
  await send(page, "think 200");
  await thinking(page).click();
  await newest(page).getByText("Step 6.").waitFor();
  await stop(page).click();
  await newest(page).getByText(/· stopped/).waitFor();
  await thought(page).waitFor();
  assert.equal(await isOpen(thought(page)), true);
  await newest(page).getByText("Step 6.").waitFor();
  await page.reload();
  await thought(page).click();
  await newest(page).getByText("Step 6.").waitFor();
});

test("a limit within the thoughts is named, with what it cost", async () => {
  const page = await openWith("lim", "thinker");
  await send(page, "limit 3");
  const limit = "The model used its whole output limit for thinking, and gave no answer.";
  await newest(page).getByText(new RegExp(`^${limit} This cost \\d+ tokens\\.$`)).waitFor();
  assert.equal(await newest(page).getByRole("button", { name: "Continue" }).count(), 0);
  await accessible(page, "a limit within the thoughts");
  await page.getByRole("combobox", { name: "Model" }).click();
  await page.getByRole("option", { name: /^flat/ }).click();
  await send(page, "limit 2");
  await newest(page).getByText(`${limit} Nothing was charged.`).waitFor();
  await newest(page).getByRole("button", { name: "Regenerate", exact: true }).click();
  await thinking(page).waitFor();
  await newest(page).getByText(`${limit} Nothing was charged.`).waitFor();
  await newest(page).getByText("2/2", { exact: true }).waitFor();
});

for (const colorScheme of ["light", "dark"]) {
  test(`thoughts and a limit within them on a phone, ${colorScheme}`, async () => {
    const page = await openWith(`pho${colorScheme}`, "thinker", { ...PHONE, colorScheme, reducedMotion: "reduce" });
    await field(page).fill("limit 12");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await thinking(page).tap();
    await newest(page).getByText("Step 3.").waitFor();
    assert.equal(await thinking(page).locator("svg").first().evaluate((icon) => getComputedStyle(icon).animationName), "none");
    await accessible(page, "thoughts in progress on a phone");
    await newest(page).getByText(/gave no answer/).waitFor();
    for (const what of ["open", "folded"]) {
      await accessible(page, `a limit, ${what}`);
      await fits(page, `a limit, ${what}`);
      assert.deepEqual([...(await tooSmall(page)), ...(await unfitForPhones(page))], [], what);
      await thought(page).tap();
    }
  });
}
