import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { tooSmall, tooWide, unfitForPhones } from "./checks.mjs";
import {
  PASSWORD,
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
const GROUP = "g".repeat(100);

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
  await dialog.getByRole("button", { name: "Done", exact: true }).click();
  assert.equal((await complete(server.url, secret)).status, 200);
  await makeKey(page, "an old key");
  await page.reload();
  await page.getByRole("button", { name: "Revoke an old key" }).click();
  await page.getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByText("revoked", { exact: true }).waitFor();
  server.run("user", "grant", LONG, "50", "--reason", "reason ".repeat(50));
  server.run("group", "create", GROUP, "--description", "word ".repeat(100));
  server.run("group", "add", GROUP, LONG, "--manager");
  server.run("group", "grant", GROUP, "1000000", "--reason", "reason ".repeat(50));
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

/** A tab of the operators' page of the group. */
async function openGroup(page, tab) {
  await page.goto("/admin/groups");
  await page.getByRole("link", { name: GROUP }).click();
  await page.waitForURL(/admin\/groups\/./);
  await page.goto(`${page.url()}?tab=${tab}`);
  await settle(page);
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
    for (const tab of ["profile", "usage", "security", "data", "keys"]) {
      await page.goto(`/account?tab=${tab}`);
      await settle(page);
      await looksRight(page, `the account, ${tab}`);
    }

    await page.goto("/account");
    await page.getByRole("navigation", { name: "Your groups" }).getByRole("link", { name: GROUP }).click();
    await page.getByRole("heading", { level: 1, name: GROUP }).waitFor();
    await settle(page);
    await looksRight(page, "a group");
    await page.goto("/account?tab=keys");
    await settle(page);

    // What opens above it.
    await page.getByRole("button", { name: "New key…" }).click();
    const form = page.getByRole("dialog", { name: "New API key" });
    await form.getByRole("button", { name: "Create key" }).click();
    await form.getByText("Enter a name").waitFor();
    await looksRight(page, "a form for a key");
    await form.getByRole("textbox", { name: "Expires on" }).click();
    await page.locator("button[data-today]").waitFor();
    await accessible(page, "the calendar of a key");
    await form.getByRole("textbox", { name: "Expires on" }).press("Escape");
    // The calendar's own: the form stays.
    await form.getByRole("combobox", { name: "Models" }).click();
    await page.getByRole("option", { name: "scripted" }).click();
    await accessible(page, "the models of a key");
    await form.getByLabel("Name").fill(`key ${colorScheme}`);
    await form.getByRole("button", { name: "Create key" }).click();
    await page.getByRole("dialog", { name: "Your new API key" }).getByText("from openai import").waitFor();
    await looksRight(page, "a new key");
    await page.getByRole("button", { name: "Done", exact: true }).click();
    await page.getByRole("button", { name: `Revoke key ${colorScheme}` }).click();
    await page.getByRole("dialog", { name: /^Revoke/ }).waitFor();
    await looksRight(page, "revoking a key");
  });

  test(`the operators' pages are accessible, ${colorScheme}, on a desk and on a phone`, async () => {
    const page = await browser.open("/", { colorScheme, reducedMotion: "reduce" });
    await logIn(page, "admin");
    for (const path of ["", "/users", "/groups", "/chats", "/keys", "/models", "/providers", "/webhooks", "/ledger", "/audit"]) {
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

    for (const tab of ["members", "ledger", "audit"]) {
      await openGroup(page, tab);
      await looksRight(page, `a group, ${tab}`);
    }

    // What opens above the pages.
    await page.goto("/admin/chats");
    await page.getByRole("textbox", { name: "From" }).click();
    await page.locator("button[data-today]").waitFor();
    await accessible(page, "a calendar");
    await page.getByRole("textbox", { name: "From" }).press("Escape");
    await page.getByRole("button", { name: /^word word/ }).click();
    await page.getByRole("dialog", { name: "Message", exact: true }).waitFor();
    await looksRight(page, "a whole chat");
    await page.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("dialog", { name: /^Delete/ }).waitFor();
    await accessible(page, "a confirmation");
  });
}

test("on a phone everything is in reach of a finger, without scrolling sideways", async () => {
  const page = await browser.open("/", { viewport: PHONE, hasTouch: true, isMobile: true });
  await logIn(page, "admin");
  const lists = ["/admin", "/admin/users?max=5000&select=all", "/admin/groups", "/admin/chats", "/admin/keys", "/admin/models", "/admin/providers", "/admin/webhooks", "/admin/ledger", "/admin/audit", "/account?tab=usage", "/account?tab=keys"];
  for (const path of [...lists, "/account", "/account?tab=security", "/account?tab=data"]) {
    await page.goto(path);
    await settle(page);
    assert.equal(await page.getByRole("table").count(), 0, `${path} has cards`);
    for (const check of [tooWide, tooSmall, unfitForPhones]) assert.deepEqual(await check(page), [], path);
  }
  for (const tab of ["members", "ledger"]) {
    await openGroup(page, tab);
    for (const check of [tooWide, tooSmall, unfitForPhones]) assert.deepEqual(await check(page), [], `a group, ${tab}`);
  }
  // What was off the screen before.
  await page.goto("/admin/keys");
  const revoke = await page.getByRole("button", { name: `Revoke ${LONG}` }).boundingBox();
  assert.ok(revoke.x >= 0 && revoke.x + revoke.width <= PHONE.width);
  // All of a card works: selecting, and following its title.
  await page.goto(`/admin/users?search=${LONG}`);
  await page.getByRole("checkbox", { name: `Select ${LONG}` }).click();
  await page.getByRole("region", { name: "Selection" }).getByText("1 user selected").waitFor();
  await page.getByRole("listitem").getByRole("link", { name: LONG }).click();
  await page.getByRole("heading", { level: 1, name: LONG }).waitFor();
});

test("the account page has tabs, a new password reloads the devices, and deleting the account is told", async () => {
  const page = await browser.open("/");
  await register(page, "tabs");
  const other = await browser.open("/");
  await logIn(other, "tabs");
  await page.getByLabel(/^Balance\./).click();
  await page.waitForURL(/account\?tab=usage/);
  await page.getByRole("tab", { name: "Usage", selected: true }).waitFor();
  await page.getByRole("row", { name: /Welcome tokens/ }).waitFor();
  await page.getByRole("tab", { name: "Security" }).click();
  await page.waitForURL(/account\?tab=security/);
  await page.reload();
  await page.getByText("2 devices").waitFor();

  await page.getByLabel("Current password").fill(PASSWORD);
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("This is your current password").waitFor();
  await page.getByLabel("New password").fill("yellow-harbour-17");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("Password changed.").waitFor();
  // The other one is off the list without a reload.
  await page.getByText("1 device", { exact: true }).waitFor();
  await page.getByText("This device").waitFor();
  await other.waitForURL(/login/);

  await page.getByRole("tab", { name: "Data" }).click();
  await page.getByRole("button", { name: "Delete account…" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete your account?" });
  await dialog.getByLabel("Your password").fill("yellow-harbour-17");
  await dialog.getByLabel("Type tabs to confirm").fill("tabs");
  await dialog.getByRole("button", { name: "Delete account" }).click();
  await page.waitForURL(/login/);
  await page.getByText("Your account and everything in it is deleted.").waitFor();
});

test("a wrong address says so to everybody, and leads home", async () => {
  const page = await browser.open("/");
  const answer = await page.goto("/no/such/page");
  assert.equal(answer.status(), 404);
  await page.getByRole("heading", { name: "Page not found" }).waitFor();
  await looksRight(page, "a wrong address");
  await page.getByRole("link", { name: "Back to chat", exact: true }).click();
  await page.waitForURL(/login/);
  await logIn(page, "admin");
  for (const path of ["/no/such/page", "/admin/no-such-page"]) {
    await page.goto(path);
    await page.getByRole("link", { name: "Back to chat", exact: true }).click();
    await page.getByLabel("Message", { exact: true }).waitFor();
  }
});
