import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  PASSWORD,
  accessible,
  choose,
  holds,
  logIn,
  makeKey,
  newest,
  openUser,
  register,
  rows,
  saved,
  send,
  startBrowser,
  startServer,
} from "./support.mjs";

let server, browser;
before(async () => {
  server = await startServer("ledger.staff_daily_limit = 0");
  browser = await startBrowser(server.url);
});
after(async () => {
  await browser.close();
  await server.stop();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

const bulk = (page) => page.getByRole("region", { name: "Selection" });
const dialog = (page, name) => page.getByRole("dialog", { name });
const selectAll = (page) => page.getByRole("checkbox", { name: "Select all that are shown" }).click();

function createUsers(prefix, count) {
  for (let number = 1; number <= count; number++) server.run("user", "create", `${prefix}${number}`, "--password-stdin");
}

async function open(name, path) {
  const page = await browser.open("/");
  await logIn(page, name);
  await page.goto(path);
  return page;
}

/** The focus is somewhere, so that the keyboard goes on from there. */
async function focused(page) {
  await page.waitForFunction(() => document.activeElement.tagName !== "BODY");
}

test("roles change with the operator's own password, and a wrong one is refused beside the field", async () => {
  createUsers("role", 1);
  const page = await open("admin", "/admin/users");
  await openUser(page, "role1");
  const role = (name, checked) => page.getByRole("switch", { name, checked });
  const ask = (name) => page.getByRole("switch", { name }).click({ force: true });
  await ask(/^Superuser/);
  const question = dialog(page, "Make role1 a superuser?");
  const confirm = question.getByRole("button", { name: "Make superuser" });
  await question.getByText(/Everything that staff may do/).waitFor();
  await confirm.click();
  await question.getByText("Enter your password").waitFor();
  await question.getByLabel("Your own password").fill("not-my-password-1");
  await confirm.click();
  await question.locator("input[aria-invalid=true]").waitFor();
  assert.equal(await role(/^Superuser/, false).count(), 1, "nothing has changed");
  await accessible(page, "the question for a role");
  await question.getByLabel("Your own password").fill(PASSWORD);
  await confirm.click();
  await role(/^Superuser/, true).waitFor();
  await page.getByText("role1 is a superuser now.").waitFor();
  await question.waitFor({ state: "detached" });
  // The password of an operator is one as well: with it one is that operator.
  await page.getByRole("button", { name: "Set password" }).click();
  const password = dialog(page, "Password of role1");
  await password.getByLabel("New password").fill("yellow-harbour-17");
  await password.getByRole("button", { name: "Set password" }).click();
  await password.getByText("Enter your password").waitFor();
  await password.getByLabel("Your own password").fill(PASSWORD);
  await password.getByRole("button", { name: "Set password" }).click();
  await page.getByText("Password set.").waitFor();
  await password.waitFor({ state: "detached" });
  await ask(/^Superuser/);
  const removal = dialog(page, "Remove role1 from the superusers?");
  await removal.getByLabel("Your own password").fill(PASSWORD);
  await removal.getByRole("button", { name: "Remove the role" }).click();
  await role(/^Superuser/, false).waitFor();
  await page.getByRole("tab", { name: "Audit log" }).click();
  await page.getByRole("row", { name: /Changed the role role1 superuser: yes → no/ }).waitFor();
});

test("an account with a role is created with the operator's own password", async () => {
  const page = await open("admin", "/admin/users");
  await page.getByRole("button", { name: "New user" }).click();
  const form = dialog(page, "New user");
  await form.getByLabel("Username").fill("newstaff");
  await form.getByLabel("Password", { exact: true }).fill("purple-lantern-42");
  assert.equal(await form.getByLabel("Your own password").count(), 0);
  await form.getByRole("switch", { name: /^Staff/ }).click({ force: true });
  await form.getByLabel("Your own password").fill("not-my-password-1");
  await form.getByRole("button", { name: "Create user" }).click();
  await form.locator("input[aria-invalid=true]").waitFor();
  await form.getByLabel("Your own password").fill(PASSWORD);
  await form.getByRole("button", { name: "Create user" }).click();
  await page.getByRole("row", { name: /newstaff Staff/ }).waitFor();
});

test("a bulk deactivation asks with number and names, and is undone from the toast", async () => {
  createUsers("off", 3);
  const page = await open("sue", "/admin/users?search=off");
  const all = async (status) => {
    for (const name of ["off1", "off2", "off3"]) await page.getByRole("row", { name: new RegExp(`${name} User ${status}`) }).waitFor();
  };
  await selectAll(page);
  await bulk(page).getByText("3 users selected").waitFor();
  await bulk(page).getByRole("button", { name: "Deactivate 3…" }).click();
  const question = dialog(page, "Deactivate 3 users?");
  for (const name of ["off1", "off2", "off3"]) await question.getByText(name).waitFor();
  await all("Active");
  await question.getByRole("button", { name: "Deactivate", exact: true }).click();
  await all("Deactivated");
  await focused(page);
  await page.getByText("3 users deactivated.").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("3 users activated.").waitFor();
  await all("Active");
  await page.goto("/admin/audit?action=changes");
  await page.getByRole("row", { name: /sue Deactivated the account off1 active: yes → no, in bulk/ }).waitFor();
});

test("staff and superusers are left out of bulk actions", async () => {
  const page = await open("admin", "/admin/users?search=admin");
  await page.getByRole("checkbox", { name: "Select admin", exact: true }).click();
  await bulk(page).getByText(/^Staff and superusers are skipped/).waitFor();
  for (const name of ["Activate…", "Deactivate…", "Adjust balances…"]) {
    assert.ok(await bulk(page).getByRole("button", { name, exact: true }).isDisabled(), name);
  }
  await bulk(page).getByRole("button", { name: "Clear selection" }).click();
  await bulk(page).waitFor({ state: "detached" });
  await focused(page);
  await openUser(page, "admin");
  assert.ok(await page.getByRole("button", { name: "Deactivate" }).isDisabled());
});

test("all who match a filter are topped up at once, with their number, names and the sum", async () => {
  createUsers("poor", 52);
  for (const name of ["poor1", "poor2"]) server.run("user", "grant", name, "--reason", "a gift", "100000");
  const page = await open("sue", "/admin/users");
  await page.getByLabel("Username").fill("poor");
  await page.getByLabel("Balance at most").fill("4000");
  await page.getByText("50 users", { exact: true }).waitFor();
  // One more than a page has.
  server.run("user", "create", "poor53", "--password-stdin");
  await page.reload();
  await page.getByText("50 of 51 users").waitFor();
  await selectAll(page);
  await bulk(page).getByText("50 users selected").waitFor();
  await bulk(page).getByRole("button", { name: "Select all 51 that match" }).click();
  await bulk(page).getByText("All 51 users who match selected").waitFor();
  await focused(page);
  await bulk(page).getByRole("button", { name: "Adjust balances…" }).click();
  const form = dialog(page, "Adjust the balances of 51 users");
  await form.getByText(/poor10, poor11, .* and 41 more/).waitFor();
  await form.getByLabel("Tokens").fill("500");
  await form.getByText("51 × 500 = 25,500 tokens").waitFor();
  await form.getByLabel("Reason").fill("for the poorest");
  // Somebody else changes what matches meanwhile.
  server.run("user", "grant", "poor3", "--reason", "a gift", "1");
  await form.getByRole("button", { name: "Adjust", exact: true }).click();
  await page.getByText(/50 users match now, not 51/).waitFor();
  const again = dialog(page, "Adjust the balances of 50 users");
  await again.getByText("50 × 500 = 25,000 tokens").waitFor();
  await accessible(page, "an adjustment of many");
  await again.getByRole("button", { name: "Adjust", exact: true }).click();
  await page.getByText("Added 500 tokens to 50 users, 25,000 in all.").waitFor();
  await page.getByText("No users", { exact: true }).waitFor();
  await page.goto("/admin/users?search=poor&min=4500&max=4500");
  await page.getByText("50 users", { exact: true }).waitFor();
  await page.goto("/admin/ledger?reason=top-ups");
  await page.getByRole("row", { name: /poor4 .*for the poorest.*\+500 4,500/ }).waitFor();
});

test("all below a balance are topped up in four clicks from the chat", async () => {
  createUsers("few", 3);
  const page = await open("sue", "/");
  let clicks = 0;
  const click = async (locator) => {
    clicks += 1;
    await locator.click();
  };
  await click(page.getByRole("link", { name: "Administration" }));
  await click(page.getByRole("link", { name: "Users", exact: true }));
  await click(page.getByLabel("Balance at most"));
  await page.keyboard.type("4000");
  const adjust = page.getByRole("button", { name: /^Adjust all \d+ balances…$/ });
  await click(adjust);
  const form = dialog(page, /^Adjust the balances of \d+ users$/);
  await form.getByText(/few1/).waitFor();
  await page.keyboard.type("250");
  await page.keyboard.press("Tab");
  await accessible(page, "all who match, without a selection");
  await form.getByLabel("Reason").focus();
  await page.keyboard.type("for the poorest");
  await page.keyboard.press("Enter");
  await page.getByText(/^Added 250 tokens to \d+ users/).waitFor();
  assert.equal(clicks, 4);
  assert.match(server.run("user", "show", "few1"), /4,?250/);
});

test("headers sort by spending and activity, words are found in any order, and the list is saved", async () => {
  const theirs = await browser.open("/");
  await register(theirs, "anna.neumann");
  await send(theirs, "costs something");
  await newest(theirs).getByText("100 tokens").waitFor();
  const page = await open("sue", "/admin/users");
  const header = (name) => page.getByRole("columnheader", { name, exact: true });
  const first = (name) => page.getByRole("row").nth(1).getByRole("link", { name }).waitFor();
  await header("Created").getByRole("button").waitFor();
  assert.equal(await header("Created").getAttribute("aria-sort"), "descending");
  for (const [name, order, sort] of [
    ["Balance", "MOST_TOKENS", "descending"],
    ["Balance", "FEWEST_TOKENS", "ascending"],
    ["Spent, 30 days", "MOST_SPENT", "descending"],
    ["Last active", "RECENTLY_ACTIVE", "descending"],
    ["Last login", "RECENT_LOGIN", "descending"],
    ["Username", "NAME", "ascending"],
  ]) {
    await header(name).getByRole("button").click();
    await page.waitForURL((url) => url.searchParams.get("order") === order);
    await page.locator(`th[aria-sort=${sort}]`, { hasText: name }).waitFor();
    if (["MOST_SPENT", "RECENTLY_ACTIVE"].includes(order)) await first("anna.neumann");
    await focused(page);
  }
  await page.getByLabel("Username").fill("neumann anna");
  await page.getByRole("row", { name: /anna\.neumann User Active 3,900 100/ }).waitFor();
  await page.getByText("1 user", { exact: true }).waitFor();
  const { name, text } = await saved(page, () => page.getByRole("button", { name: "Download CSV" }).click());
  assert.match(name, /^jeton-users-.*\.csv$/);
  const [row, ...others] = rows(text);
  assert.deepEqual([row.username, row.role, row.balance, row.spent_30_days, others.length], ["anna.neumann", "User", "3900", "100", 0]);
  await page.getByLabel("Username").fill("");
  await choose(page, "Role", "Staff");
  await page.getByRole("row", { name: /sue Staff/ }).waitFor();
  await page.getByRole("link", { name: "anna.neumann" }).waitFor({ state: "detached" });
});

test("the ledger is filtered by reason, the audit log by action, and reads are told", async () => {
  const theirs = await browser.open("/");
  await register(theirs, "rita");
  await send(theirs, "what rita wrote");
  await newest(theirs).getByText("100 tokens").waitFor();
  server.run("user", "grant", "rita", "--reason", "a correction", "7");
  const page = await open("sue", "/admin/ledger");
  await choose(page, "Reason", "Top-ups and corrections");
  await page.getByRole("row", { name: /rita .*a correction.*\+7/ }).waitFor();
  await page.getByRole("row", { name: /Answer/ }).first().waitFor({ state: "detached" });
  await page.waitForURL(/reason=top-ups/);
  const { text } = await saved(page, () => page.getByRole("button", { name: "Download CSV" }).click());
  assert.deepEqual([...new Set(rows(text).map(({ reason }) => reason))], ["ADJUSTMENT"]);
  await choose(page, "Reason", "Answer");
  await page.getByRole("row", { name: /rita .*Answer open.*−100/ }).getByRole("button", { name: "open" }).click();
  await dialog(page, "Message").getByText("what rita wrote").first().waitFor();

  // That it was read is in the audit log, which opens the message.
  await page.goto("/admin/chats?search=rita");
  await page.getByRole("button", { name: "what rita wrote" }).waitFor();
  await page.getByText(/is recorded in the audit log/).getByRole("link", { name: "audit log" }).click();
  await page.waitForURL(/action=reads/);
  await page.getByRole("combobox", { name: "Action" }).waitFor();
  const read = page.getByRole("row", { name: /sue Read a message of rita open rita/ });
  await read.getByRole("button", { name: "open" }).click();
  await dialog(page, "Message").getByText("what rita wrote").first().waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("row", { name: /Created the account/ }).count(), 0);
  await choose(page, "Action", "Balances");
  await page.getByRole("row", { name: /command line.* Adjusted the balance rita \+7 \(balance: 3,900 → 3,907\), reason: a correction/ }).waitFor();
  const trail = await saved(page, () => page.getByRole("button", { name: "Download CSV" }).click());
  assert.match(trail.text, /balance\.adjust,Adjusted the balance,rita,/);
});

test("a user's page has spending, sessions, top-ups, and logs out everywhere", async () => {
  const theirs = await browser.open("/");
  await register(theirs, "sam");
  await send(theirs, "a message of sam");
  await newest(theirs).getByText("100 tokens").waitFor();
  const page = await open("sue", "/admin");
  // By Enter, to the first of them.
  const find = page.getByRole("combobox", { name: "Find a user" });
  await find.fill("sam");
  await page.getByRole("option", { name: "sam", exact: true }).waitFor();
  await find.press("Enter");
  await page.getByRole("heading", { level: 1, name: "sam" }).waitFor();
  const facts = page.getByRole("region", { name: "Details" });
  await facts.getByText("3,900 tokens").waitFor();
  await facts.getByText("100 tokens").waitFor();
  await page.getByRole("button", { name: "Top up by +1,000…" }).click();
  const form = dialog(page, "Balance of sam");
  await form.getByText("3,900 +1,000 = 4,900").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.name || document.activeElement.labels[0].textContent), "Reason");
  await page.keyboard.type("a top-up");
  await form.getByRole("button", { name: "Adjust", exact: true }).click();
  await facts.getByText("4,900 tokens").waitFor();
  await page.getByRole("tab", { name: "Sessions" }).click();
  await page.getByRole("row", { name: /Chrome on Linux/ }).waitFor();
  await page.waitForURL(/tab=sessions/);
  await page.getByRole("button", { name: "Log out everywhere…" }).click();
  await dialog(page, "Log sam out everywhere?").getByRole("button", { name: "Log out everywhere" }).click();
  await page.getByText("sam is logged out of all devices.").waitFor();
  await page.getByText("Not logged in anywhere").waitFor();
  await theirs.waitForURL(/login/);
  await page.getByRole("tab", { name: "Audit log" }).click();
  await page.getByRole("row", { name: /Logged the user out of all devices/ }).waitFor();
  await facts.getByRole("link", { name: "Whole ledger" }).click();
  await page.getByRole("row", { name: /sam .*a top-up.*\+1,000 4,900/ }).waitFor();
  await holds(page.getByRole("combobox", { name: "User" }), "sam");
});

test("API keys are filtered by their state", async () => {
  const theirs = await browser.open("/");
  await register(theirs, "kim");
  for (const name of ["key one", "key two"]) {
    const { dialog: secret } = await makeKey(theirs, name);
    await secret.getByRole("button", { name: "Done", exact: true }).click();
  }
  await theirs.getByRole("button", { name: "Revoke key one" }).click();
  await theirs.getByRole("button", { name: "Revoke", exact: true }).click();
  await theirs.getByText("revoked", { exact: true }).waitFor();
  const page = await open("sue", "/admin/keys");
  await choose(page, "Status", "revoked");
  await page.getByText("key two").waitFor({ state: "detached" });
  await page.getByText("key one").waitFor();
  await choose(page, "Status", "expired");
  await page.getByText("No API keys").waitFor();
});
