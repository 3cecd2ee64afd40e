// What people praised, and must stay: nothing written is lost, everything is live in all tabs, every place has an address.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { balance, fits, graphql, holds, logIn, makeKey, newest, openUser, send, startBrowser, startServer } from "./support.mjs";
import { articles, ask, field, open, slow, stop, thread } from "./thread.mjs";

const ANSWERS = {
  html: 'Look: <img src="https://elsewhere.example/x.png" onerror="window.hacked = 1"> <script>window.hacked = 2</script> <b>bold?</b>',
  picture: "Here: ![a cat](https://elsewhere.example/cat.png)",
};

let server, browser;
before(async () => {
  server = await startServer(
    `ledger.signup_grant = 20000
     turns.max_message_chars = 1000
     [models.dear]
     provider = "echo"
     price = { per_message = 1000000 }`,
    { answers: ANSWERS },
  );
  browser = await startBrowser(server.url);
});
after(async () => {
  await browser.close();
  await server.stop();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

const isFocused = (locator) => locator.evaluate((element) => element === document.activeElement);

test("what is written is kept whatever refuses it: the balance, the line, the limit", async () => {
  const page = await open(browser, "ref");
  await page.getByRole("combobox", { name: "Model" }).click();
  await page.getByRole("option", { name: /^dear/ }).click();
  await send(page, "too dear for me");
  await page.getByText("Not enough tokens for this message").waitFor();
  assert.equal(await field(page).inputValue(), "too dear for me");
  await page.getByRole("combobox", { name: "Model" }).click();
  await page.getByRole("option", { name: /^scripted/ }).click();

  const long = "word ".repeat(240).trim();
  await send(page, long);
  await page.getByText(/1,199/).first().waitFor();
  assert.equal(await field(page).inputValue(), long);
  assert.equal(await articles(page).count(), 0);

  await page.route("**/graphql", (route) => (route.request().postData()?.includes("lost line") ? route.abort() : route.fallback()));
  await send(page, "a lost line");
  await page.getByText("The server can’t be reached.").first().waitFor({ timeout: 60_000 });
  assert.equal(await field(page).inputValue(), "a lost line");
  await page.unroute("**/graphql");
  await field(page).press("Enter");
  await newest(page).getByText("100 tokens").waitFor();
  assert.equal(await articles(page).count(), 1, "sent once");
  await balance(page).getByText("19,900").waitFor();
});

test("a stop before the first word costs nothing, and a dead model neither", async () => {
  const page = await open(browser, "fre");
  await send(page, "late as ever");
  await balance(page).getByText("100 reserved").waitFor();
  await stop(page).click();
  await stop(page).waitFor({ state: "detached" });
  await page.getByLabel("Balance. You can spend 20,000 tokens.", { exact: true }).waitFor();
  await send(page, "fail now");
  await newest(page).getByText(/nothing was charged/i).waitFor();
  await newest(page).getByRole("button", { name: /try again/i }).waitFor();
  await page.getByLabel("Balance. You can spend 20,000 tokens.", { exact: true }).waitFor();
});

test("without a line there is a badge, and what was missed comes by itself", async () => {
  const page = await open(browser, "off");
  const text = slow(25);
  await send(page, text);
  await newest(page).getByText("w0 w1").nth(1).waitFor();
  await page.context().setOffline(true);
  await page.getByRole("button", { name: "Offline" }).waitFor();
  await page.waitForTimeout(1_500);
  await page.context().setOffline(false);
  await page.getByRole("button", { name: /Offline|Reconnecting/ }).waitFor({ state: "detached" });
  await newest(page).getByText(text).nth(1).waitFor();
  await newest(page).getByText("100 tokens").waitFor();
  await balance(page).getByText("19,900").waitFor();
});

test("a top-up reaches all tabs at once, by the operators' page or by the command line, with its reason", async () => {
  const page = await open(browser, "top");
  const other = await page.context().newPage();
  await other.goto("/account?tab=usage");
  await balance(other).getByText("20,000").waitFor();
  const admin = await browser.open("/");
  await logIn(admin, "admin");
  await openUser(admin, "top");
  await admin.getByRole("button", { name: "Adjust balance" }).click();
  const dialog = admin.getByRole("dialog");
  await dialog.getByLabel("Tokens").fill("1000");
  await dialog.getByText("20,000 +1,000 = 21,000").waitFor();
  await dialog.getByLabel("Reason").fill("thank you");
  await dialog.getByRole("button", { name: "Adjust", exact: true }).click();
  for (const tab of [page, other]) await balance(tab).getByText("21,000").waitFor({ timeout: 4_000 });
  server.run("user", "grant", "top", "50", "--reason", "and more");
  for (const tab of [page, other]) await balance(tab).getByText("21,050").waitFor({ timeout: 4_000 });

  // And the user reads why.
  await other.reload();
  await other.getByText("thank you").waitFor();
  await ask(page, "costs something");
  await other.getByRole("combobox", { name: "Reason" }).click();
  await other.getByRole("option", { name: "All credits" }).click();
  await other.waitForURL(/reason=credits/);
  await other.getByRole("row", { name: /Welcome tokens.*20,000/ }).waitFor();
  assert.equal(await other.getByRole("row", { name: /Answer/ }).count(), 0);
  await other.goto("/account?tab=usage&reason=chat_done");
  const row = other.getByRole("row", { name: /Answer open scripted −100 20,950/ });
  await row.waitFor();
  assert.equal(await other.getByRole("row", { name: /thank you/ }).count(), 0);
  await row.getByRole("link", { name: "open" }).click();
  await newest(other).getByText("costs something").first().waitFor();
});

test("the position holds to the pixel when one has scrolled up, and the words go on below", async () => {
  const page = await open(browser, "pos");
  for (let at = 0; at < 4; at++) await ask(page, `${at} ${"words ".repeat(120)}`.trim());
  await send(page, slow(40));
  await newest(page).getByText("w0 w1").nth(1).waitFor();
  await thread(page).hover();
  await page.mouse.wheel(0, -700);
  await page.getByRole("button", { name: "Scroll to bottom" }).waitFor();
  await page.waitForTimeout(300);
  const place = () => articles(page).nth(2).evaluate((element) => element.getBoundingClientRect().top);
  const before = await place();
  const seen = (await newest(page).innerText()).length;
  await stop(page).waitFor({ state: "detached" });
  assert.ok((await newest(page).innerText()).length > seen, "it went on");
  assert.ok(Math.abs((await place()) - before) < 1, `it moved by ${(await place()) - before} px`);
});

test("Ctrl+K searches all messages, and leads to the very one, in a frame", async () => {
  const page = await open(browser, "sea");
  await ask(page, "the needle of the first");
  for (let at = 0; at < 6; at++) await ask(page, `${at} ${"hay ".repeat(150)}`.trim());
  await page.goto("/");
  await field(page).waitFor();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("needle");
  await page.getByText("1 message", { exact: true }).waitFor();
  await page.locator("mark", { hasText: "needle" }).first().waitFor();
  await page.getByRole("link", { name: /needle of the first/ }).first().click();
  await page.waitForURL(/\/c\/.*\?chat=/);
  const found = page.locator("article[class*=found]");
  await found.getByText("the needle of the first").first().waitFor();
  await page.waitForFunction(() => {
    const { top, bottom } = document.querySelector("article[class*=found]").getBoundingClientRect();
    return bottom > 60 && top < innerHeight;
  });
  assert.notEqual(await found.evaluate((element) => getComputedStyle(element).outlineStyle + getComputedStyle(element).boxShadow), "nonenone");
  // The address alone is enough.
  await page.reload();
  await found.getByText("the needle of the first").first().waitFor();
});

test("conversations are links, back and forward work, and an unknown one says so", async () => {
  const page = await open(browser, "bac");
  await ask(page, "the first one");
  const first = new URL(page.url()).pathname;
  await page.goto("/");
  await ask(page, "the second one");
  const second = new URL(page.url()).pathname;
  const link = page.getByRole("link", { name: /^the first one/ });
  assert.equal(await link.getAttribute("href"), first);
  await link.click();
  await newest(page).getByText("the first one").first().waitFor();
  await page.goBack();
  await newest(page).getByText("the second one").first().waitFor();
  assert.equal(new URL(page.url()).pathname, second);
  await page.goForward();
  await newest(page).getByText("the first one").first().waitFor();
  // In a tab of its own, as a middle click opens it.
  const [tab] = await Promise.all([page.context().waitForEvent("page"), link.click({ modifiers: ["ControlOrMeta"] })]);
  await newest(tab).getByText("the first one").first().waitFor();
  await page.goto("/c/bm90aGluZw");
  await page.getByRole("heading", { name: "Conversation not found" }).waitFor();
  await page.getByRole("link", { name: /back to chat|new chat/i }).or(page.getByRole("button", { name: /new chat/i })).first().waitFor();
});

test("examples fill the composer instead of sending, and Escape in Rename restores the title", async () => {
  const page = await open(browser, "ren");
  await page.getByRole("button", { name: /^Explain how rainbows form/ }).click();
  await holds(field(page), "Explain how rainbows form, for a ten-year-old.");
  assert.equal(await articles(page).count(), 0);
  await field(page).fill("a title to keep");
  await field(page).press("Enter");
  await newest(page).getByText("100 tokens").waitFor();
  await page.getByRole("button", { name: /^Menu of .a title to keep/ }).click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await page.getByLabel("Title of the conversation").fill("something else");
  await page.keyboard.press("Escape");
  await page.getByLabel("Title of the conversation").waitFor({ state: "detached" });
  await page.getByRole("link", { name: /^a title to keep/ }).waitFor();
  assert.notEqual(await page.evaluate(() => document.activeElement.tagName), "BODY");
  await page.reload();
  await page.getByRole("link", { name: /^a title to keep/ }).waitFor();
  assert.equal(await page.getByText("something else").count(), 0);
});

test("raw HTML stays text, and images of answers are links, not requests", async () => {
  const page = await open(browser, "raw");
  await ask(page, "html");
  await newest(page).getByText('<b>bold?</b>').waitFor();
  assert.equal(await newest(page).locator("img, script, b").count(), 0);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  await ask(page, "picture");
  const link = newest(page).getByRole("link", { name: /a cat/ });
  assert.equal(await link.getAttribute("href"), "https://elsewhere.example/cat.png");
  assert.equal(await newest(page).locator("img").count(), 0);
});

test("the focus is in the composer after each page, and a link skips the header", async () => {
  const page = await open(browser, "foc");
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Message");
  await ask(page, "one");
  assert.ok(await isFocused(field(page)));
  await page.goto("/account");
  await page.getByRole("heading", { name: "Account" }).waitFor();
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to content" });
  assert.ok(await isFocused(skip));
  const { y } = await skip.boundingBox();
  assert.ok(y >= 0, "it is seen");
  await page.keyboard.press("Enter");
  assert.ok(await isFocused(page.getByRole("main")));
  // Whatever has the focus by keyboard is seen to have it.
  await page.keyboard.press("Tab");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outline, "none");
});

test("at 200 % nothing has to be scrolled sideways", async () => {
  // As a browser of 1280 px lays out its pages then.
  const page = await open(browser, "zoo", { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 });
  await ask(page, `${"x".repeat(300)} https://jeton.example/${"path/".repeat(40)} ${"word ".repeat(60)}`.trim());
  await fits(page, "a long word");
  for (const tab of ["profile", "usage", "keys", "security", "data"]) {
    await page.goto(`/account?tab=${tab}`);
    await page.waitForLoadState("networkidle");
    await fits(page, tab);
  }
});

test("a long thread opens at its end, takes what is typed, and shows one's own message", async (t) => {
  const page = await open(browser, "fas");
  const { secret, dialog } = await makeKey(page, "filler", { more: (form) => form.getByRole("checkbox", { name: "Write" }).click() });
  await dialog.getByRole("button", { name: "Done", exact: true }).click();
  const { createConversation } = await graphql(server.url, secret, "mutation { createConversation(input: {}) { conversation { id } } }");
  const { id } = createConversation.conversation;
  const mutation = "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { errors { message } } }";
  for (let at = 0; at < 60; at++) {
    const message = `${at} has **some** words, a list:\n\n- one\n- two\n\nand \`code\` ${"more ".repeat(60)}`;
    await graphql(server.url, secret, mutation, { input: { conversationId: id, message } });
  }
  const start = performance.now();
  await page.goto(`/c/${encodeURIComponent(id)}`);
  await newest(page).getByText(/^59 has/).first().waitFor();
  const opened = performance.now() - start;
  const typing = performance.now();
  await field(page).pressSequentially("forty keys are typed into a long thread.");
  const perKey = (performance.now() - typing) / 40;
  await page.evaluate(() => {
    window.shown = new Promise((resolve) => {
      let pressed = 0;
      document.addEventListener("keydown", () => (pressed = performance.now()), { capture: true, once: true });
      const look = () => {
        const isThere = [...document.querySelectorAll("article")].at(-1).innerText.includes("forty keys");
        if (pressed > 0 && isThere) resolve(performance.now() - pressed);
        else requestAnimationFrame(look);
      };
      look();
    });
  });
  await field(page).press("Enter");
  const shown = await page.evaluate(() => window.shown);
  // How fast depends on the machine: printed, and not asserted.
  t.diagnostic(`${Math.round(opened)} ms to open, ${Math.round(perKey)} ms for a key, ${Math.round(shown)} ms to the message`);
});
