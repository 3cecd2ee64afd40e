import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { balance, holds, logIn, newest, register, send, startBrowser, startServer } from "./support.mjs";

let server, browser;
before(async () => {
  server = await startServer("[ledger]\nsignup_grant = 450");
  browser = await startBrowser(server.url);
});
after(async () => {
  await browser.close();
  await server.stop();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

test("the first visit: from nothing to a streamed answer", async () => {
  const page = await browser.open("/");
  await page.waitForURL(/login/);
  await page.getByRole("link", { name: "Create account" }).click();
  await page.getByLabel("Username").fill("mia");
  await page.locator("input[type=password]").first().fill("12345678");
  await page.locator("form button[type=submit]").click();
  // What is wrong is said at the field, and can be mended.
  await page.getByText(/password/i).nth(1).waitFor();
  await page.locator("input[type=password]").first().fill("seven-green-kites");
  await page.locator("form button[type=submit]").click();
  await balance(page).getByText("450").waitFor();
  await send(page, "slow one two three four");
  await newest(page).getByText("slow one").first().waitFor();
  await page.getByLabel("Stop the answer").waitFor();
  await newest(page).getByText("slow one two three four", { exact: false }).nth(1).waitFor();
  await newest(page).getByText("100 tokens").waitFor();
  await balance(page).getByText("350").waitFor();
  await page.getByRole("link", { name: /slow one two/ }).first().waitFor();
});

test("a reload in the middle of an answer goes on with it", async () => {
  const page = await browser.open("/");
  await register(page, "rae");
  const words = Array.from({ length: 14 }, (_, number) => `w${number}`).join(" ");
  await send(page, `slow ${words}`);
  await newest(page).getByText(/slow w0 w1/).nth(1).waitFor();
  await page.reload();
  await newest(page).getByText(`slow ${words}`).nth(1).waitFor();
  await newest(page).getByText("100 tokens").waitFor();
  await balance(page).getByText("350").waitFor();
});

test("an answer can be stopped, and what there was stays", async () => {
  const page = await browser.open("/");
  await register(page, "sol");
  await send(page, `slow ${"word ".repeat(60)}`);
  await newest(page).getByText(/slow word word/).nth(1).waitFor();
  await page.getByLabel("Stop the answer").click();
  await page.getByLabel("Stop the answer").waitFor({ state: "detached" });
  await page.reload();
  await newest(page).getByText(/slow word word/).nth(1).waitFor();
  await balance(page).getByText("350").waitFor();
});

test("a message can be edited and answered once more, and a failure costs nothing", async () => {
  const page = await browser.open("/");
  await register(page, "edi");
  await send(page, "first words");
  await newest(page).getByText("100 tokens").waitFor();
  await newest(page).getByLabel("Edit the message").click();
  await page.getByLabel("Edit message").fill("better words");
  await page.getByLabel("Edit message").press("Enter");
  await newest(page).getByText("better words").nth(1).waitFor();
  await balance(page).getByText("250").waitFor();
  await newest(page).getByLabel("Regenerate the answer").click();
  // While it is in progress, 100 are held.
  await page.getByLabel("Balance. You can spend 150 tokens.", { exact: true }).waitFor();
  await page.getByLabel("Stop the answer").waitFor({ state: "detached" });
  await send(page, "fail now");
  await newest(page).getByText(/nothing was charged/i).waitFor();
  await balance(page).getByText("150").waitFor();
});

test("running out of tokens is no dead end", async () => {
  const page = await browser.open("/");
  await register(page, "pom");
  for (const left of [350, 250, 150, 50]) {
    await send(page, `message ${left}`);
    await newest(page).getByText(`message ${left}`).nth(1).waitFor();
    await newest(page).getByText("100 tokens").waitFor();
    await balance(page).getByText(String(left)).waitFor();
  }
  await page.getByText("Not enough tokens for this message").waitFor();
  await page.getByLabel("Message", { exact: true }).fill("This stays");
  server.run("user", "grant", "pom", "100", "--reason", "a gift");
  await page.reload();
  await balance(page).getByText("150").waitFor();
  await send(page, "Thank you");
  await newest(page).getByText("Thank you").nth(1).waitFor();
});

test("two tabs share a session, and leave it together", async () => {
  const page = await browser.open("/");
  await register(page, "two");
  const other = await page.context().newPage();
  await other.goto("/");
  await balance(other).getByText("450").waitFor();
  await Promise.all([page.reload(), other.reload()]);
  await Promise.all([balance(page).waitFor(), balance(other).waitFor()]);
  await send(page, "from one tab");
  await balance(other).getByText("350").waitFor();
  await page.getByLabel("Menu of two").click();
  await page.getByRole("menuitem", { name: "Log out", exact: true }).click();
  await page.waitForURL(/login/);
  await other.waitForURL(/login/);
  await logIn(other, "two");
  assert.equal(await page.evaluate(() => Object.keys({ ...localStorage, ...sessionStorage }).filter((key) => /token/i.test(key)).length), 0);
});

test("nothing that one user typed or opened is left for the next", async () => {
  const page = await browser.open("/");
  await register(page, "una");
  await send(page, "a chat of una");
  await newest(page).getByText("100 tokens").waitFor();
  await page.goto("/");
  const other = await page.context().newPage();
  await other.goto("/");
  await page.getByLabel("Message", { exact: true }).fill("a secret of una");
  await page.reload();
  await holds(page.getByLabel("Message", { exact: true }), "a secret of una");
  await page.evaluate(() => (window.marked = true));
  // A dialog is open when another tab logs out.
  await page.getByRole("button", { name: /^Menu of .a chat of una/ }).click();
  await page.getByRole("menuitem", { name: /Delete/ }).click();
  await page.getByRole("dialog").waitFor();
  await other.getByLabel("Menu of una").click();
  await other.getByRole("menuitem", { name: "Log out", exact: true }).click();
  await page.waitForURL(/login/);
  await page.getByLabel("Username").waitFor();
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.equal(await page.evaluate(() => window.marked), undefined, "the page was loaded anew");
  assert.doesNotMatch(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage })), /secret/);

  await page.locator("#boot").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Create account" }).click();
  await page.getByRole("heading", { name: "Create account" }).waitFor();
  await page.getByLabel("Username").fill("uwe");
  await page.locator("input[type=password]").first().fill("seven-green-kites");
  await page.locator("form button[type=submit]").click();
  await page.getByLabel("Message", { exact: true }).waitFor();
  assert.equal(await page.getByLabel("Message", { exact: true }).inputValue(), "");
  assert.equal(await page.getByText("of una").count(), 0);
  // The other tab follows, and so it does where somebody else logs in.
  await other.getByLabel("Menu of uwe").waitFor();
});

test("whose session has ended comes back to where they were, and nobody else does", async () => {
  const page = await browser.open("/");
  await register(page, "eva");
  await send(page, "words of eva");
  await newest(page).getByText("100 tokens").waitFor();
  const chat = new URL(page.url()).pathname;
  assert.match(chat, /^\/c\//);
  const end = async () => {
    await page.context().clearCookies();
    // What the page asks for by itself goes through, so that it is the message that is refused.
    const refuse = (route) =>
      route.request().postData()?.includes('"more"')
        ? route.fulfill({ json: { errors: [{ message: "no", extensions: { code: "UNAUTHENTICATED" } }] } })
        : route.fallback();
    await page.route("**/graphql", refuse);
    await page.getByLabel("Message", { exact: true }).fill("more");
    await page.getByLabel("Message", { exact: true }).press("Enter");
    await page.getByText("You’ve been logged out. Log in to continue.").waitFor();
    await page.unroute("**/graphql", refuse);
  };
  const fillIn = async (name) => {
    await page.getByLabel("Username").fill(name);
    await page.locator("input[type=password]").first().fill("seven-green-kites");
    await page.locator("form button[type=submit]").click();
    await page.getByLabel("Message", { exact: true }).waitFor();
  };
  await end();
  await fillIn("eva");
  assert.equal(new URL(page.url()).pathname, chat);
  await newest(page).getByText("words of eva").first().waitFor();
  await end();
  await fillIn("sue");
  assert.equal(new URL(page.url()).pathname, "/");
});

test("no answer breaks or freezes the page, whatever is in it", async () => {
  const page = await browser.open("/");
  await register(page, "hal");
  server.run("user", "grant", "hal", "5000", "--reason", "a gift");
  await page.reload();
  // The longest that the page did nothing else, in milliseconds.
  await page.evaluate(() => {
    let last = performance.now();
    window.longest = 0;
    setInterval(() => {
      window.longest = Math.max(window.longest, performance.now() - last);
      last = performance.now();
    }, 20);
  });
  for (const kind of ["quotes", "lists", "table", "brackets", "emphasis", "long"]) {
    await send(page, `write ${kind}`);
    await newest(page).getByText(`write ${kind}`).waitFor();
    await newest(page).getByText("100 tokens").waitFor();
    // Whether this one takes too long depends on the machine.
    if (kind !== "emphasis") await newest(page).getByText("Shown as plain text: too long to format.").waitFor();
    assert.match(await newest(page).innerText(), /the end/, kind);
  }
  await send(page, "a **bold** word");
  await newest(page).locator("strong", { hasText: "bold" }).waitFor();
  // The old code took from eight seconds to minutes for one answer, or showed nothing any more.
  assert.ok((await page.evaluate(() => window.longest)) < 6_000);
});

test("a link whose address is refused is text", async () => {
  const page = await browser.open("/");
  await register(page, "lin");
  await send(page, "write links");
  await newest(page).getByRole("link", { name: "followed" }).waitFor();
  await newest(page).getByText(/refused and followed/).waitFor();
  assert.equal(await newest(page).getByRole("link").count(), 1);
});
