import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, balance, choose, complete, fits, holds, logIn, makeKey, newest, register, send, startBrowser, startServer } from "./support.mjs";

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 800 };

let server, browser;
/** The pages of the users, each in a profile of its own. */
let sue, mia, tom;
before(async () => {
  server = await startServer();
  browser = await startBrowser(server.url);
  [sue, mia, tom] = [await browser.open("/"), await browser.open("/"), await browser.open("/")];
  await register(mia, "mia");
  await register(tom, "tom");
  await logIn(sue, "sue");
});
after(async () => {
  await browser.close();
  await server.stop();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

/** Adds a user to the group that is open. */
async function add(page, name, role) {
  const form = page.getByRole("form", { name: "Add members" });
  await form.getByRole("combobox", { name: "Add users" }).fill(name);
  await page.getByRole("option", { name, exact: true }).click();
  await page.keyboard.press("Escape");
  if (role) await choose(page, "Role", role);
  await form.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("row", { name: new RegExp(`^${name}`) }).waitFor();
}

/** Sends a message in the chat that is open, and waits for its answer. */
async function exchange(page, text) {
  await send(page, text);
  await newest(page).getByText(text).first().waitFor();
  await newest(page).getByText(/^scripted · \d+ tokens$/).waitFor();
}

async function looksRight(page, what) {
  for (const size of [PHONE, DESK]) {
    await page.setViewportSize(size);
    await accessible(page, `${what}, ${size.width}`);
    await fits(page, what);
  }
}

test("staff creates a group, adds members with roles, and fills its balance", async () => {
  // Without a group to choose, nothing asks who pays.
  await tom.goto("/account");
  await tom.getByText("Member since").waitFor();
  await tom.waitForLoadState("networkidle");
  assert.equal(await tom.getByText("Who pays").count(), 0);

  await sue.goto("/admin");
  await sue.getByRole("link", { name: "Groups", exact: true }).click();
  await sue.getByRole("row", { name: /Everyone Default .*everyone 0/ }).waitFor();
  await sue.getByRole("button", { name: "New group" }).click();
  const form = sue.getByRole("dialog", { name: "New group" });
  await form.getByRole("button", { name: "Create group" }).click();
  await form.getByText("Enter a name").waitFor();
  await form.getByLabel("Name").fill("Everyone");
  await form.getByRole("button", { name: "Create group" }).click();
  await form.locator(".mantine-InputWrapper-error").waitFor();
  await form.getByLabel("Name").fill("Chemistry");
  await form.getByLabel("Description").fill("Class of 2027");
  await form.getByRole("button", { name: "Create group" }).click();
  await sue.getByRole("heading", { level: 1, name: "Chemistry" }).waitFor();

  await add(sue, "mia", "Manager");
  await add(sue, "tom", "Member");
  await sue.getByText("2 members", { exact: true }).first().waitFor();
  await holds(sue.getByRole("combobox", { name: "Role of mia" }), "Manager");
  await holds(sue.getByRole("combobox", { name: "Role of tom" }), "Member");

  await sue.getByRole("button", { name: "Adjust balance…" }).click();
  const dialog = sue.getByRole("dialog", { name: "Balance of Chemistry" });
  await dialog.getByRole("textbox", { name: "Tokens" }).fill("1000");
  await dialog.getByLabel("Reason").fill("First term");
  await dialog.getByRole("button", { name: "Adjust", exact: true }).click();
  await sue.getByText("1,000 tokens").first().waitFor();
  await looksRight(sue, "a group");
  await sue.getByRole("tab", { name: "Ledger" }).click();
  await sue.getByRole("row", { name: /sue Adjusted by an operator First term \+1,000 1,000/ }).waitFor();
  await looksRight(sue, "the ledger of a group");
  const page = sue.url().replace(/\?.*/, "");
  await sue.goto("/admin/audit?action=group-balances");
  await sue.getByRole("row", { name: /sue Adjusted the balance of the group Chemistry.*\+1,000/ }).waitFor();
  await sue.goto("/admin/audit?action=members");
  await sue.getByRole("row", { name: /sue Added members to the group Chemistry.*mia/ }).waitFor();
  await sue.goto(page);
  await sue.getByRole("tab", { name: "Audit log" }).click();
  await sue.getByRole("row", { name: /Created the group Chemistry/ }).waitFor();
  await sue.goto("/admin/ledger");
  await sue.getByRole("row", { name: /Chemistry.*First term.*\+1,000/ }).waitFor();
  await sue.goto(page);
});

test("a member has the group pay by default, and the own balance keeps what it has", async () => {
  await tom.goto("/account");
  await choose(tom, "Paid by", "Chemistry · 1,000");
  await tom.getByText("Chemistry pays for your messages.").waitFor();
  await balance(tom).getByText("1,000").waitFor();
  await looksRight(tom, "who pays");

  await tom.goto("/");
  await exchange(tom, "hello from the class");
  await balance(tom).getByText("900").waitFor();
  assert.match(await balance(tom).getAttribute("aria-label"), /Chemistry pays, and has 900 tokens. Your own balance has 4,000 tokens/);
  await newest(tom).getByRole("button", { name: "100 tokens: show the receipt" }).click();
  await tom.getByRole("dialog").getByText("Paid by Chemistry").waitFor();
  await tom.keyboard.press("Escape");

  // A key may be paid by the group, whatever is chosen for messages.
  const { secret, dialog } = await makeKey(tom, "lab", { more: (form) => choose(tom, "Paid by", "Chemistry · 900") });
  await dialog.getByRole("button", { name: "Done", exact: true }).click();
  await tom.getByRole("row", { name: /lab.*paid by Chemistry/ }).waitFor();
  assert.equal((await complete(server.url, secret)).status, 200);
});

test("a manager sees who spent what, and a member does not", async () => {
  await mia.goto("/account");
  await mia.getByRole("navigation", { name: "Your groups" }).getByRole("link", { name: "Chemistry" }).click();
  await mia.getByRole("heading", { level: 1, name: "Chemistry" }).waitFor();
  await mia.getByRole("row", { name: /tom Answer by API key −100 800/ }).waitFor();
  await mia.getByRole("row", { name: /tom Answer −100 900/ }).waitFor();
  await mia.getByRole("row", { name: /First term/ }).waitFor();
  await mia.getByRole("row", { name: /^mia Manager/ }).waitFor();
  assert.equal(await mia.getByText("hello from the class").count(), 0);
  await looksRight(mia, "a group of a manager");

  const { pathname } = new URL(mia.url());
  await tom.goto(pathname);
  await tom.getByRole("heading", { level: 1, name: "Chemistry" }).waitFor();
  await tom.getByText("800 tokens").first().waitFor();
  assert.equal(await tom.getByRole("heading", { name: "Ledger" }).count(), 0);
  assert.equal(await tom.getByRole("heading", { name: "Members" }).count(), 0);
  await looksRight(tom, "a group of a member");
});

test("a chat has a payer of its own", async () => {
  await mia.goto("/");
  await exchange(mia, "mine");
  await balance(mia).getByText("3,900").waitFor();
  await mia.getByRole("button", { name: "Add instructions" }).click();
  await choose(mia, "Paid by", "Chemistry · 800");
  await mia.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await mia.getByRole("dialog").waitFor({ state: "detached" });
  await exchange(mia, "theirs");
  await balance(mia).getByText("3,900").waitFor();
  await mia.getByRole("button", { name: "Add instructions" }).click();
  await holds(mia.getByRole("combobox", { name: "Paid by" }), "Chemistry · 700");
  await accessible(mia, "the payer of a chat");
});

test("an empty group refuses, and says whose balance it is", async () => {
  server.run("group", "grant", "Chemistry", "-700", "--reason", "moved");
  await tom.goto("/");
  await send(tom, "more");
  const notice = tom.getByRole("alert");
  await notice.getByText(/This needs 100 tokens; Chemistry has 0\./).waitFor();
  await notice.getByText(/top up the balance of the group/).waitFor();
});

test("who is removed pays from the own balance", async () => {
  server.run("group", "grant", "Chemistry", "500", "--reason", "Second term");
  await sue.getByRole("tab", { name: "Members" }).click();
  await sue.getByRole("button", { name: "Remove tom" }).click();
  await sue.getByRole("dialog", { name: /^Remove tom/ }).getByRole("button", { name: "Remove", exact: true }).click();
  await sue.getByText("tom removed.").waitFor();
  await sue.getByText("1 member", { exact: true }).first().waitFor();

  // In the page that still has the group as the payer.
  await exchange(tom, "still here");
  await balance(tom).getByText("3,900").waitFor();
  await tom.goto("/account");
  await tom.getByText("Member since").waitFor();
  await tom.waitForLoadState("networkidle");
  assert.equal(await tom.getByText("Who pays").count(), 0);
  await tom.goto(new URL(sue.url()).pathname.replace("/admin", ""));
  await tom.getByText("Group not found").waitFor();
});

test("the list finds a group, and deleting one writes off its balance", async () => {
  await sue.goto("/admin/groups");
  await sue.getByRole("textbox", { name: "Name" }).fill("chem");
  await sue.getByRole("row", { name: /Everyone/ }).waitFor({ state: "detached" });
  await looksRight(sue, "the groups");
  await sue.getByRole("link", { name: "Chemistry" }).click();
  await sue.getByRole("button", { name: "Edit…" }).click();
  const form = sue.getByRole("dialog", { name: "Edit Chemistry" });
  await form.getByLabel("Name").fill("Chemistry 2");
  await form.getByRole("button", { name: "Save" }).click();
  await sue.getByRole("heading", { level: 1, name: "Chemistry 2" }).waitFor();

  await sue.getByRole("button", { name: "Delete…" }).click();
  const dialog = sue.getByRole("dialog", { name: "Delete the group Chemistry 2?" });
  await dialog.getByText(/Its balance of 500 tokens is written off/).waitFor();
  await dialog.getByRole("button", { name: "Delete group" }).click();
  await sue.waitForURL(/\/admin\/groups$/);
  await sue.getByRole("row", { name: /Everyone/ }).waitFor();
  assert.equal(await sue.getByRole("link", { name: /Chemistry/ }).count(), 0);

  await sue.goto("/admin/audit?action=groups");
  await sue.getByRole("row", { name: /sue Deleted the group Chemistry 2.*written off: 500/ }).waitFor();
});
