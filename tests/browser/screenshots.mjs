// Takes images of all pages, light, dark and on a phone, to look at them.
//   node screenshots.mjs FOLDER [PATTERN]

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DESK, PHONE, settle, startSeeded } from "./seeded.mjs";
import { logIn, newest, openUser, register } from "./support.mjs";

const [folder, pattern = ""] = process.argv.slice(2);
assert.ok(folder, "usage: node screenshots.mjs FOLDER [PATTERN]");
mkdirSync(folder, { recursive: true });

const SIZES = {
  light: { ...DESK, colorScheme: "light" },
  dark: { ...DESK, colorScheme: "dark" },
  phone: { ...PHONE, colorScheme: "light" },
};

const { server, browser } = await startSeeded("mia", `auth.contact = "help@jeton.example"`);

/** The images of one size. */
async function takeAll(size) {
  const page = await browser.open(null, { ...SIZES[size], reducedMotion: "reduce" });
  const take = async (name) => {
    if (!new RegExp(pattern).test(name)) return;
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(folder, `${name}-${size}.png`), animations: "disabled" });
  };
  const at = async (path, name) => {
    await page.goto(path);
    await settle(page);
    await take(name);
  };
  const dialog = page.getByRole("dialog");
  const close = async () => {
    await page.keyboard.press("Escape");
    await dialog.first().waitFor({ state: "detached" });
  };

  await at("/login", "login");
  const send = page.locator("#root form button[type=submit]");
  await send.click();
  await take("login-empty");
  await page.getByLabel("Username").fill("mia");
  await page.locator("input[type=password]").first().fill("wrong");
  await send.click();
  await page.getByRole("alert").waitFor();
  await take("login-wrong");
  await at("/register", "register");
  await page.getByLabel("Username").fill("a b");
  await page.locator("input[type=password]").first().fill("12345678901");
  await send.click();
  await page.locator(".mantine-InputWrapper-error").first().waitFor();
  await take("register-refused");
  await at("/no/such/page", "not-found");
  await page.route("**/graphql", (route) => route.abort());
  await at("/login", "unreachable");
  await page.unroute("**/graphql");

  await register(page, `new${size}`);
  await take("chat-first");
  await page.getByLabel(/^Menu of new/).click();
  await take("menu");
  await page.getByRole("menuitem", { name: "Log out", exact: true }).click();
  await page.waitForURL(/login/);
  await logIn(page, "mia");
  if (size === "phone") {
    await page.getByRole("button", { name: /^Open / }).click();
    await dialog.waitFor();
    await take("chat-drawer");
  }
  await page.getByRole("link", { name: /^show code/ }).click();
  await newest(page).waitFor();
  await settle(page);
  await take("chat-end");
  for (const message of ["show code", "show a table", "show a formula", "show a diagram", "show lists", "fail please"]) {
    await page.getByText(message, { exact: true }).last().scrollIntoViewIfNeeded();
    await take(`chat-${message.replaceAll(" ", "-")}`);
  }
  await page.goto("/c/bm90aGluZw");
  await page.getByRole("heading", { name: "Conversation not found" }).waitFor();
  await take("chat-not-found");

  for (const tab of ["profile", "usage", "security", "keys", "data"]) await at(`/account?tab=${tab}`, `account-${tab}`);
  await page.getByRole("button", { name: "Delete account…" }).click();
  await dialog.getByText("This permanently deletes:").waitFor();
  await take("account-delete");
  await close();
  await page.goto("/account?tab=keys");
  await page.getByRole("button", { name: "New key…" }).click();
  await dialog.getByRole("button", { name: "Create key" }).click();
  await take("key-form");
  await dialog.getByLabel("Name").fill(`for ${size}`);
  await dialog.getByRole("button", { name: "Create key" }).click();
  await page.getByRole("dialog", { name: "Your new API key" }).waitFor();
  await take("key-created");
  await page.getByRole("button", { name: "Done", exact: true }).click();
  await page.getByRole("button", { name: `Revoke for ${size}` }).click();
  await take("key-revoke");
  await page.getByRole("dialog").getByRole("button", { name: "Revoke", exact: true }).click();
  await at("/admin", "admin-for-staff-only");

  await page.context().clearCookies();
  await logIn(page, "admin");
  for (const name of ["", "users", "groups", "chats", "keys", "models", "providers", "webhooks", "ledger", "audit"]) await at(`/admin/${name}`, `admin-${name || "dashboard"}`);
  await openUser(page, "mia");
  for (const tab of await page.getByRole("tab").all()) {
    const name = await tab.innerText();
    await tab.click();
    await settle(page);
    await take(`admin-user-${name.toLowerCase().replaceAll(" ", "-")}`);
  }
  await page.getByRole("button", { name: "Adjust balance" }).click();
  await dialog.waitFor();
  await take("admin-adjust");
  await close();
  await page.goto("/admin/chats");
  await page.getByRole("button", { name: /^show code/ }).click();
  await dialog.waitFor();
  await settle(page);
  await take("admin-message");
  await page.context().close();
}

try {
  for (const size of Object.keys(SIZES)) await takeAll(size);
} finally {
  await browser.close();
  await server.stop();
}
console.log(folder);
