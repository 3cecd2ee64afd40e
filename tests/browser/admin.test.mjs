import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, balance, logIn, newest, register, send, startBrowser, startServer } from "./support.mjs";

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

test("an operator looks after users from the first to the last", async () => {
  const page = await browser.open("/");
  await logIn(page, "admin");
  await page.goto("/admin/users");
  await page.getByRole("button", { name: "New user" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("ann");
  await dialog.locator("input[type=password]").first().fill("purple-lantern-42");
  await dialog.getByRole("button", { name: "Make the account" }).click();
  await page.getByRole("link", { name: "ann", exact: true }).click();
  await page.getByRole("button", { name: "Adjust the balance" }).click();
  await dialog.getByLabel("Tokens").fill("-500");
  await dialog.getByLabel("Reason").fill("a correction");
  await dialog.getByRole("button", { name: "Adjust", exact: true }).click();
  await page.getByText("3,500").first().waitFor();
  await page.getByRole("button", { name: "Set the password" }).click();
  await dialog.getByLabel("New password").fill("yellow-harbour-17");
  await dialog.locator("button[type=submit]").click();
  await page.getByText("The password is set").waitFor();
  const theirs = await browser.open("/");
  await logIn(theirs, "ann", "yellow-harbour-17");
  await balance(theirs).getByText("3,500").waitFor();
  await send(theirs, "a chat of ann");
  await newest(theirs).getByText("100 tokens").waitFor();

  await page.getByRole("button", { name: "Deactivate" }).click();
  await theirs.waitForURL(/login/);
  await page.getByRole("button", { name: "Activate", exact: true }).click();
  await page.getByRole("switch", { name: /^Staff/ }).click({ force: true });
  await page.getByRole("switch", { name: /^Staff/, checked: true }).waitFor();
  await page.getByRole("link", { name: "Delete…" }).click();
  await page.getByText(/1 chat, with/).waitFor();
  await page.getByLabel("The name, to be sure").fill("ann");
  await page.getByRole("button", { name: "Delete it for good" }).click();
  await page.waitForURL(/admin\/users$/);
  assert.equal(await page.getByRole("link", { name: "ann", exact: true }).count(), 0);
  await page.goto("/admin/audit");
  for (const deed of ["user.create", "balance.adjust", "user.set_password", "user.delete"].map((deed) => deed.split(".")[0])) {
    await page.getByText(new RegExp(deed, "i")).first().waitFor();
  }
});

test("operators find chats, entries and numbers", async () => {
  const theirs = await browser.open("/");
  await register(theirs, "ben");
  await send(theirs, "a needle in the hay");
  await newest(theirs).getByText("100 tokens").waitFor();
  const page = await browser.open("/");
  await logIn(page, "sue");
  await page.goto("/admin/chats");
  await page.getByLabel("Words").fill("needle");
  await page.getByRole("button", { name: "a needle in the hay" }).click();
  await page.getByRole("dialog").getByText("100 tokens of 100 tokens held").waitFor();
  await page.goto("/admin/chats?search=nothing-like-that");
  await page.getByText(/no chats|nothing|0 chats/i).first().waitFor();
  await page.goto("/admin/users?order=MOST_TOKENS");
  await page.getByRole("link", { name: "admin", exact: true }).waitFor();
  await page.goto("/admin/ledger");
  await page.getByText("-100").or(page.getByText("−100")).first().waitFor();
  await page.goto("/admin");
  await page.getByText("Who spends most").waitFor();
  await page.getByRole("link", { name: "ben", exact: true }).first().waitFor();
});

test("people see and do only what they may", async () => {
  const plain = await browser.open("/");
  await register(plain, "eve");
  await plain.goto("/admin/users");
  await plain.getByText("This part is for operators").waitFor();
  const staff = await browser.open("/");
  await logIn(staff, "sue");
  await staff.goto("/admin/users?search=admin");
  await staff.getByRole("link", { name: "admin", exact: true }).click();
  await staff.getByText("Roles are for superusers to change.").waitFor();
  assert.ok(await staff.getByLabel(/^Superuser/).isDisabled());
  await staff.getByRole("button", { name: "Deactivate" }).click();
  await staff.getByText("That did not work").waitFor();
});

test("the operators' pages and GraphiQL are accessible and keep to themselves", async () => {
  const page = await browser.open("/");
  await logIn(page, "admin");
  for (const path of ["", "/users", "/chats", "/ledger", "/audit"]) {
    await page.goto(`/admin${path}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.waitForLoadState("networkidle");
    await accessible(page, `/admin${path}`);
  }
  await page.goto("/graphql");
  await page.waitForURL(/graphiql/);
  // The editor takes a while until it executes what is in it, and cuts its text into pieces.
  const answered = () => document.querySelector(".graphiql-response")?.textContent.includes("admin");
  for (let tries = 0; tries < 10 && !(await page.evaluate(answered)); tries += 1) {
    await page.getByRole("button", { name: /execute/i }).click();
    await page.waitForFunction(answered, undefined, { timeout: 2000 }).catch(() => undefined);
  }
  assert.ok(await page.evaluate(answered));
});
