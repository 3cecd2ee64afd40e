import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  PASSWORD,
  balance,
  choose,
  holds,
  logIn,
  newest,
  openUser,
  register,
  rows,
  saved,
  send,
  startBrowser,
  startServer,
} from "./support.mjs";

const LEDGER = "entry_id,created_at,user_id,user,reason,amount,balance_after,note,actor,chat_id,group_id";

let server, browser;
before(async () => {
  server = await startServer();
  browser = await startBrowser(server.url);
});
after(async () => {
  await browser.close();
  await server.stop();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

/** The confirmation that is open, perhaps above another dialog. */
const confirmation = (page) => page.getByRole("dialog", { name: /^Delete .*\?$/ });
const bulk = (page) => page.getByRole("region", { name: "Selection" });

/** Today where the browser is. */
const today = (page) => page.evaluate(() => new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 10));

/** Somebody with one paid message. */
async function writer(name, message) {
  const page = await browser.open("/");
  await register(page, name);
  await send(page, message);
  await newest(page).getByText("100 tokens").waitFor();
  return page;
}

test("an operator looks after users from the first to the last", async () => {
  const page = await browser.open("/");
  await logIn(page, "admin");
  await page.goto("/admin/users");
  await page.getByRole("button", { name: "New user" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Username").fill("ann");
  await dialog.locator("input[type=password]").first().fill("12345678");
  await dialog.getByRole("button", { name: "Create user" }).click();
  // What is wrong is said at the field, and can be mended.
  await dialog.locator("input[aria-invalid=true]").waitFor();
  await dialog.locator("input[type=password]").first().fill("purple-lantern-42");
  await dialog.getByRole("button", { name: "Create user" }).click();
  await page.getByRole("link", { name: "ann", exact: true }).click();

  await page.getByRole("button", { name: "Adjust balance" }).click();
  await dialog.getByLabel("Tokens").fill("-400");
  await dialog.getByLabel("Reason").fill("a correction");
  await dialog.getByRole("button", { name: "Adjust", exact: true }).click();
  await page.getByText("3,600").first().waitFor();
  await page.getByRole("button", { name: "Adjust balance" }).click();
  await dialog.getByText("Set to").click();
  await dialog.getByLabel("Tokens").fill("3500");
  await dialog.getByText("3,600 −100 = 3,500").waitFor();
  await dialog.getByLabel("Reason").fill("a rounder one");
  await dialog.getByRole("button", { name: "Adjust", exact: true }).click();
  await page.getByText("3,500").first().waitFor();

  await page.getByRole("button", { name: "Set password" }).click();
  await dialog.getByLabel("New password").fill("yellow-harbour-17");
  await dialog.locator("button[type=submit]").click();
  await page.getByText("Password set.").waitFor();
  const theirs = await browser.open("/");
  await logIn(theirs, "ann", "yellow-harbour-17");
  await balance(theirs).getByText("3,500").waitFor();
  await send(theirs, "a chat of ann");
  await newest(theirs).getByText("100 tokens").waitFor();

  await page.getByRole("tab", { name: "Audit log" }).click();
  // Asked before anything happens, and nothing does for who thinks better of it.
  await page.getByRole("button", { name: "Deactivate" }).click();
  await page.getByRole("dialog", { name: "Deactivate ann?" }).getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog", { name: "Deactivate ann?" }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Deactivate" }).click();
  await page.getByRole("dialog", { name: "Deactivate ann?" }).getByRole("button", { name: "Deactivate", exact: true }).click();
  await theirs.waitForURL(/login/);
  // The history of the user has it at once.
  await page.getByRole("row", { name: /Deactivated the account.*active: yes → no/ }).waitFor();
  await page.getByText("ann deactivated.").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("ann activated.").waitFor();
  await page.getByRole("button", { name: "Deactivate…" }).waitFor();
  await page.getByRole("link", { name: "Delete…" }).click();
  await page.getByText(/1 message and answers/).waitFor();
  await page.getByRole("button", { name: "Delete user" }).click();
  await page.getByText("Type ann", { exact: true }).waitFor();
  await page.getByLabel("Type ann to confirm").fill("ann");
  await page.getByRole("button", { name: "Delete user" }).click();
  await page.waitForURL(/admin\/users$/);
  assert.equal(await page.getByRole("link", { name: "ann", exact: true }).count(), 0);

  await page.goto("/admin/audit");
  const deeds = ["Created the account", "Adjusted the balance", "Set the password", "Deactivated the account", "Deleted the account"];
  for (const deed of deeds) await page.getByRole("row", { name: new RegExp(`admin ${deed} ann`) }).first().waitFor();
  // Who is gone has a history all the same.
  await page.getByRole("link", { name: "ann", exact: true }).first().click();
  await page.waitForURL(/target=/);
  await holds(page.getByRole("combobox", { name: "Target" }), "A message, a key, or a deleted account");
  await page.getByRole("row", { name: /sue/ }).waitFor({ state: "detached" });
});

test("operators find chats, entries and numbers", async () => {
  await writer("ben", "a needle in the hay");
  const page = await browser.open("/");
  await logIn(page, "sue");
  await page.goto("/admin/chats");
  await page.getByLabel("Search").fill("needle");
  await page.getByRole("button", { name: "a needle in the hay" }).click();
  await page.getByRole("dialog").getByText("100 tokens (100 reserved)").waitFor();
  await page.goto("/admin/ledger");
  await page.getByRole("row", { name: /ben.*Answer open.*−100/ }).getByRole("button", { name: "open" }).click();
  await page.getByRole("dialog", { name: "Message", exact: true }).getByText("a needle in the hay").first().waitFor();
  await page.goto("/admin/chats?search=nothing-like-that");
  await page.getByText("No messages", { exact: true }).waitFor();
  await page.goto("/admin/users?order=MOST_TOKENS");
  await page.getByRole("link", { name: "admin", exact: true }).waitFor();
  await page.goto("/admin");
  await page.getByRole("heading", { name: "Top spenders, last 30 days" }).waitFor();
  await page.getByRole("link", { name: "ben", exact: true }).first().waitFor();
});

test("days are written or picked, kept in the address, and cleared", async () => {
  await writer("dora", "what was said today");
  const page = await browser.open("/");
  await logIn(page, "sue");
  const day = await today(page);
  for (const [path, row] of [["chats", /what was said today/], ["ledger", /dora.*Answer/], ["audit", /Created the account sue/]]) {
    const none = page.getByText(/^No (messages|entries|events)$/);
    await page.goto(`/admin/${path}`);
    await page.getByRole("row", { name: row }).waitFor();
    const [from, to] = ["From", "To"].map((name) => page.getByRole("textbox", { name, exact: true }));
    // Written by keys alone; what is half written filters nothing.
    await from.fill("2999-01");
    await page.getByRole("row", { name: row }).waitFor();
    // What is no day is said to be none.
    await from.press("Tab");
    await page.getByText("Use YYYY-MM-DD or DD.MM.YYYY").waitFor();
    await from.fill("1.1.2999");
    await none.waitFor();
    await page.getByText("Use YYYY-MM-DD or DD.MM.YYYY").waitFor({ state: "detached" });
    await from.press("Escape");
    assert.match(page.url(), /since=2999-01-01/);
    await page.reload();
    await holds(from, "2999-01-01");
    await none.waitFor();
    await from.fill("");
    await page.getByRole("row", { name: row }).waitFor();
    await from.press("Escape");
    // Picked; both days are included.
    await to.click();
    await page.locator("button[data-today]").click();
    await page.waitForURL((url) => url.searchParams.get("until") === day);
    await page.getByRole("row", { name: row }).waitFor();
    await holds(to, day);
    await to.fill("2001-01-01");
    await none.waitFor();
    await to.press("Escape");
    await page.getByRole("button", { name: "Clear to" }).click();
    await page.getByRole("row", { name: row }).waitFor();
    assert.equal(new URL(page.url()).search, "");
  }
});

test("the ledger is saved whole, or as it is filtered", async () => {
  const theirs = await writer("lea", "a chat that costs");
  await writer("leo", "a chat that costs as well");
  const page = await browser.open("/");
  await logIn(page, "sue");
  await page.goto("/admin/ledger");
  const click = () => page.getByRole("button", { name: "Download CSV" }).click();
  const all = await saved(page, click);
  assert.match(all.name, /^jeton-ledger-.*\.csv$/);
  assert.equal(all.text.split("\r\n")[0], LEDGER);
  const entries = rows(all.text);
  for (const user of ["lea", "leo", "admin"]) assert.ok(entries.some((entry) => entry.user === user), user);

  await page.getByRole("combobox", { name: "User" }).fill("lea");
  await page.getByRole("option", { name: "lea", exact: true }).click();
  await page.getByRole("row", { name: /leo/ }).first().waitFor({ state: "detached" });
  const hers = rows((await saved(page, click)).text);
  assert.deepEqual(
    hers.map(({ user, reason, amount, balance_after }) => [user, reason, amount, balance_after]),
    [["lea", "SIGNUP_GRANT", "4000", "4000"], ["lea", "CHAT_DONE", "-100", "3900"]],
  );
  await page.getByRole("textbox", { name: "From" }).fill("2999-01-01");
  await page.getByText("No entries", { exact: true }).waitFor();
  assert.deepEqual(rows((await saved(page, click)).text), []);

  await theirs.goto("/account?tab=usage");
  const own = await saved(theirs, () => theirs.getByRole("button", { name: "Download CSV" }).click());
  assert.deepEqual(rows(own.text), hers);
});

test("operators delete chats, one or many, and the trail tells it", async () => {
  const theirs = await writer("mia", "the first of mia");
  for (const message of ["the second of mia", "the third of mia", "the fourth of mia"]) {
    await send(theirs, message);
    await newest(theirs).getByText(message).nth(1).waitFor();
    await newest(theirs).getByText("100 tokens").waitFor();
  }
  const page = await browser.open("/");
  await logIn(page, "sue");
  await page.goto("/admin/chats?search=mia");
  await page.getByText("4 messages").waitFor();
  await page.getByRole("button", { name: "the first of mia" }).click();
  // The answer, which the model made of the message, is loaded now.
  await page.getByRole("dialog", { name: "Message", exact: true }).getByText("the first of mia").nth(1).waitFor();
  await page.getByRole("dialog", { name: "Message", exact: true }).getByRole("button", { name: "Delete…" }).click();
  // Nothing happens to who thinks better of it.
  await confirmation(page).getByText(/stay in the ledger/).waitFor();
  await page.keyboard.press("Escape");
  await confirmation(page).waitFor({ state: "detached" });
  await page.getByRole("dialog", { name: "Message", exact: true }).getByRole("button", { name: "Delete…" }).click();
  await confirmation(page).getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("button", { name: "the first of mia" }).waitFor({ state: "detached" });
  await page.getByText("3 messages").waitFor();
  await page.getByRole("dialog").first().waitFor({ state: "detached" });

  for (const which of ["second", "third"]) await page.getByRole("checkbox", { name: `Select “the ${which} of mia” of mia` }).click();
  await bulk(page).getByText("2 messages selected").waitFor();
  await bulk(page).getByRole("button", { name: "Delete…" }).click();
  await confirmation(page).getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("2 messages deleted.").waitFor();
  await page.getByText("1 message", { exact: true }).waitFor();
  assert.equal(await bulk(page).count(), 0);

  // The same on the page of the user.
  await openUser(page, "mia");
  await page.getByRole("checkbox", { name: /^Select “the fourth/ }).click();
  await bulk(page).getByRole("button", { name: "Delete…" }).click();
  await confirmation(page).getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("No messages", { exact: true }).waitFor();
  await page.getByRole("tab", { name: "Ledger" }).click();
  await page.getByRole("row", { name: /Answer.*−100/ }).nth(3).waitFor();

  await page.goto("/admin/audit");
  const deeds = page.getByRole("row", { name: /sue Deleted a message of mia mia .*status: DONE, cost: 100/ });
  await deeds.nth(3).waitFor();
  assert.equal(await deeds.count(), 4);
  await deeds.first().getByRole("link", { name: "mia", exact: true }).click();
  // What was done to what is hers is in her history.
  await page.getByRole("tab", { name: "Audit log" }).click();
  await deeds.nth(3).waitFor();
  assert.equal(await deeds.count(), 4);
  await page.goto("/admin/audit");
  await page.getByRole("combobox", { name: "Target" }).fill("mia");
  await page.getByRole("option", { name: "mia", exact: true }).click();
  await choose(page, "Action", "Messages deleted");
  await page.getByText("4 events", { exact: true }).waitFor();
  await page.getByLabel("Clear action").click();
  await page.getByLabel("Clear target").click();
  await page.getByRole("combobox", { name: "Actor" }).fill("sue");
  await page.getByRole("listbox", { name: "Actor" }).getByRole("option", { name: "sue", exact: true }).click();
  await page.getByRole("row", { name: /command line/ }).first().waitFor({ state: "detached" });
  await deeds.first().waitFor();
});

test("people see and do only what they may", async () => {
  const plain = await browser.open("/");
  await register(plain, "eve");
  await plain.goto("/admin/users");
  await plain.getByText("This page is for staff").waitFor();
  const admin = await browser.open("/");
  await logIn(admin, "admin");
  await send(admin, "a secret of an operator");
  await newest(admin).getByText("100 tokens").waitFor();

  const staff = await browser.open("/");
  await logIn(staff, "sue");
  await openUser(staff, "admin");
  await staff.getByText("Only superusers can change roles.").waitFor();
  for (const role of [/^Staff/, /^Superuser/]) assert.ok(await staff.getByRole("switch", { name: role }).isDisabled());
  await staff.getByRole("button", { name: "Deactivate" }).click();
  await staff.getByRole("dialog", { name: "Deactivate admin?" }).getByRole("button", { name: "Deactivate", exact: true }).click();
  await staff.getByText("That did not work").waitFor();
  await staff.getByRole("dialog").first().waitFor({ state: "detached" });
  await staff.getByRole("button", { name: "Set password" }).click();
  await staff.getByRole("dialog").getByLabel("New password").fill("yellow-harbour-17");
  await staff.getByRole("dialog").getByLabel("Your own password").fill(PASSWORD);
  await staff.getByRole("dialog").locator("button[type=submit]").click();
  await staff.getByRole("dialog").getByRole("alert").waitFor();
  await staff.goto(`${new URL(staff.url()).pathname}/delete`);
  await staff.getByLabel("Type admin to confirm").fill("admin");
  await staff.getByRole("button", { name: "Delete user" }).click();
  await staff.getByRole("alert").waitFor();

  // The chat of an operator: one by itself, and in the midst of others.
  await writer("fay", "a secret of fay");
  await staff.goto("/admin/chats?search=secret");
  await staff.getByRole("button", { name: "a secret of an operator" }).click();
  await staff.getByRole("dialog", { name: "Message", exact: true }).getByRole("button", { name: "Delete…" }).click();
  await confirmation(staff).getByRole("button", { name: "Delete", exact: true }).click();
  await staff.getByText("That did not work").waitFor();
  await staff.getByRole("dialog", { name: "Message", exact: true }).getByRole("button", { name: "Close" }).click();
  await staff.getByRole("checkbox", { name: "Select all that are shown" }).click();
  await bulk(staff).getByRole("button", { name: "Delete…" }).click();
  await confirmation(staff).getByRole("button", { name: "Delete", exact: true }).click();
  await staff.getByText(/1 message deleted\. “a secret of an operator” of admin: /).waitFor();
  await staff.getByRole("button", { name: "a secret of fay" }).waitFor({ state: "detached" });

  // A superuser may.
  await admin.goto("/admin/chats?search=secret");
  await admin.getByRole("button", { name: "a secret of an operator" }).click();
  await admin.getByRole("dialog", { name: "Message", exact: true }).getByRole("button", { name: "Delete…" }).click();
  await confirmation(admin).getByRole("button", { name: "Delete", exact: true }).click();
  await admin.getByText("No messages", { exact: true }).waitFor();
});
