import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  accessible,
  complete,
  fits,
  logIn,
  makeKey,
  newest,
  openUser,
  register,
  send,
  startBrowser,
  startServer,
} from "./support.mjs";

const DESK = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
/** As long as names may be. */
const LONG = "n".repeat(50);

let server, browser;
before(async () => {
  server = await startServer();
  browser = await startBrowser(server.url);
  const page = await browser.open("/");
  await register(page, LONG);
  for (const message of ["say `code` and **bold**", "fail please", "word ".repeat(150)]) {
    await send(page, message);
    await newest(page).getByText(message.slice(0, 4)).first().waitFor();
    await newest(page).getByText(/^scripted · \d+ tokens$/).waitFor();
  }
  // One that is used, and one that has ended.
  const { secret, dialog } = await makeKey(page, LONG);
  await dialog.getByRole("button", { name: "I have kept it" }).click();
  assert.equal((await complete(server.url, secret)).status, 200);
  await makeKey(page, "an old key");
  await page.reload();
  await page.getByRole("button", { name: "Revoke an old key" }).click();
  await page.getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByText("revoked", { exact: true }).waitFor();
  server.run("user", "grant", LONG, "50", "--reason", "reason ".repeat(50));
});
after(async () => {
  await browser.close();
  await server.stop();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

async function looksRight(page, what) {
  for (const size of [DESK, PHONE]) {
    await page.setViewportSize(size);
    await accessible(page, `${what}, ${size.width}`);
    await fits(page, what);
  }
  await page.setViewportSize(DESK);
}

/** The page with all that it loads. */
async function settle(page) {
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.waitForLoadState("networkidle");
  await page.getByLabel("Loading").waitFor({ state: "detached" });
}

for (const colorScheme of ["light", "dark"]) {
  test(`pages are accessible, ${colorScheme}, on a desk and on a phone`, async () => {
    const page = await browser.open("/", { colorScheme, reducedMotion: "reduce" });
    await page.waitForURL(/login/);
    await looksRight(page, "login");
    await page.goto("/register");
    await looksRight(page, "register");
    await logIn(page, LONG);
    await looksRight(page, "an empty chat");
    await page.getByRole("link", { name: /^say/ }).click();
    await newest(page).waitFor();
    await looksRight(page, "a chat");
    await page.goto("/account");
    await page.getByRole("heading", { name: "Devices" }).waitFor();
    await settle(page);
    await looksRight(page, "the account");

    // What opens above it.
    await page.getByRole("button", { name: "New key…" }).click();
    const form = page.getByRole("dialog", { name: "New API key" });
    await form.getByRole("button", { name: "Make the key" }).click();
    await form.getByText("A name").waitFor();
    await looksRight(page, "a form for a key");
    await form.getByRole("textbox", { name: "Last day" }).click();
    await page.locator("button[data-today]").waitFor();
    await accessible(page, "the calendar of a key");
    await form.getByRole("textbox", { name: "Last day" }).press("Escape");
    // The calendar's own: the form stays.
    await form.getByRole("combobox", { name: "Models" }).click();
    await page.getByRole("option", { name: "scripted" }).click();
    await accessible(page, "the models of a key");
    await form.getByLabel("Name").fill(`key ${colorScheme}`);
    await form.getByRole("button", { name: "Make the key" }).click();
    await page.getByRole("dialog", { name: "Your new API key" }).getByText("from openai import").waitFor();
    await looksRight(page, "a new key");
    await page.getByRole("button", { name: "I have kept it" }).click();
    await page.getByRole("button", { name: `Revoke key ${colorScheme}` }).click();
    await page.getByRole("dialog", { name: /^Revoke/ }).waitFor();
    await looksRight(page, "revoking a key");
  });

  test(`the operators' pages are accessible, ${colorScheme}, on a desk and on a phone`, async () => {
    const page = await browser.open("/", { colorScheme, reducedMotion: "reduce" });
    await logIn(page, "admin");
    for (const path of ["", "/users", "/chats", "/keys", "/ledger", "/audit"]) {
      await page.goto(`/admin${path}`);
      await settle(page);
      await looksRight(page, `/admin${path}`);
    }
    await openUser(page, LONG);
    await settle(page);
    await looksRight(page, "a user");
    await page.getByRole("tab", { name: "API keys" }).click();
    await page.getByText("an old key").waitFor();
    await looksRight(page, "the keys of a user");
    await page.getByRole("link", { name: "Delete…" }).click();
    await settle(page);
    await looksRight(page, "deleting a user");

    // What opens above the pages.
    await page.goto("/admin/chats");
    await page.getByRole("textbox", { name: "From" }).click();
    await page.locator("button[data-today]").waitFor();
    await accessible(page, "a calendar");
    await page.getByRole("textbox", { name: "From" }).press("Escape");
    await page.getByRole("button", { name: /^word word/ }).click();
    await page.getByRole("dialog", { name: "A chat" }).waitFor();
    await looksRight(page, "a whole chat");
    await page.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("dialog", { name: /^Delete/ }).waitFor();
    await accessible(page, "a confirmation");
  });
}

test("a wrong address says so to everybody, and leads home", async () => {
  const page = await browser.open("/");
  const answer = await page.goto("/no/such/page");
  assert.equal(answer.status(), 404);
  await page.getByRole("heading", { name: "There is nothing here" }).waitFor();
  await looksRight(page, "a wrong address");
  await page.getByRole("link", { name: "To the start" }).click();
  await page.waitForURL(/login/);
  await logIn(page, "admin");
  for (const path of ["/no/such/page", "/admin/no-such-page"]) {
    await page.goto(path);
    await page.getByRole("link", { name: "To the start" }).click();
    await page.getByLabel("Message", { exact: true }).waitFor();
  }
});
