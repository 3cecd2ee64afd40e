// All pages, in both themes, on a desk and on a phone with touch: without a finding of axe, and nothing sticks out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axeFindings, tooSmall, tooWide, unfitForPhones } from "./checks.mjs";
import { ANSWERS, DESK, PHONE, settle, startSeeded } from "./seeded.mjs";
import { logIn, newest, openUser } from "./support.mjs";

/** As long as names may be. */
const LONG = "n".repeat(50);

let server, browser;
before(async () => {
  ({ server, browser } = await startSeeded(LONG));
});
after(async () => {
  await browser.close();
  await server.stop();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

/** Collects what is wrong on the pages, all of it instead of the first. */
function collect(page, isPhone) {
  const found = [];
  const checks = isPhone ? [axeFindings, tooWide, tooSmall, unfitForPhones] : [axeFindings, tooWide];
  const look = async (what) => {
    for (const check of checks) found.push(...(await check(page)).map((finding) => `${what}: ${finding}`));
  };
  /** Goes to a page, and looks at it. */
  look.at = async (path) => {
    await page.goto(path);
    await settle(page);
    await look(path);
  };
  look.found = found;
  return look;
}

for (const colorScheme of ["light", "dark"]) {
  for (const [where, size] of [["a desk", DESK], ["a phone", PHONE]]) {
    const options = { ...size, colorScheme, reducedMotion: "reduce" };

    test(`the pages of everybody, ${colorScheme}, on ${where}`, async () => {
      const page = await browser.open(null, options);
      const look = collect(page, size === PHONE);
      await look.at("/login");
      await page.locator("#root form button[type=submit]").click();
      await page.getByText("Enter a username").waitFor();
      await look("errors of the log-in");
      await look.at("/register");
      await look.at("/no/such/page");

      await logIn(page, LONG);
      await look("a new chat");
      await page.goto("/");
      if (size === PHONE) {
        await page.getByRole("button", { name: /^Open / }).click();
        await page.getByRole("dialog").waitFor();
        await look("the drawer");
      }
      await page.getByRole("link", { name: /^show code/ }).click();
      await newest(page).waitFor();
      await settle(page);
      for (const message of Object.keys(ANSWERS)) {
        await page.getByText(message, { exact: true }).last().scrollIntoViewIfNeeded();
        await look(`an answer to “${message}”`);
      }
      await page.goto("/c/bm90aGluZw");
      await page.getByRole("heading", { name: "Conversation not found" }).waitFor();
      await look("a conversation that is not there");
      for (const tab of ["profile", "usage", "keys", "security", "data"]) await look.at(`/account?tab=${tab}`);
      await page.getByRole("button", { name: "Delete account…" }).click();
      await page.getByRole("dialog").getByText("This permanently deletes:").waitFor();
      await look("deleting the account");
      await page.keyboard.press("Escape");
      await page.getByLabel(`Menu of ${LONG}`).click();
      await page.getByRole("menuitem", { name: "Log out", exact: true }).waitFor();
      await look("the menu of the user");
      await look.at("/admin/users");
      assert.deepEqual(look.found, []);
    });

    test(`the pages of operators, ${colorScheme}, on ${where}`, async () => {
      const page = await browser.open(null, options);
      const look = collect(page, size === PHONE);
      await logIn(page, "admin");
      for (const path of ["", "/users", "/chats", "/keys", "/ledger", "/audit"]) await look.at(`/admin${path}`);
      await openUser(page, LONG);
      await settle(page);
      await look("a user");
      for (const tab of await page.getByRole("tab").all()) {
        await tab.click();
        await settle(page);
        await look(`a user, ${await tab.innerText()}`);
      }
      await page.goto("/admin/chats");
      await page.getByRole("button", { name: /^word word/ }).click();
      await page.getByRole("dialog", { name: "Message", exact: true }).waitFor();
      await settle(page);
      await look("a whole message");
      assert.deepEqual(look.found, []);
    });
  }
}
