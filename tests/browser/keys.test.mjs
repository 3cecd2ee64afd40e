import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { balance, complete, holds, logIn, makeKey, register, startBrowser, startServer } from "./support.mjs";

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

const kept = (dialog) => dialog.getByRole("button", { name: "Done", exact: true }).click();
/** The row of a key. */
const row = (page, name) => page.getByRole("row", { name: new RegExp(`${name}.*jt-`) });

async function revoke(page, name) {
  await page.getByRole("button", { name: `Revoke ${name}` }).click();
  await page.getByRole("dialog", { name: /^Revoke/ }).getByRole("button", { name: "Revoke", exact: true }).click();
}

test("a key is made, shown once, used and revoked", async () => {
  const page = await browser.open("/");
  await register(page, "mia");
  const { secret, prefix, dialog } = await makeKey(page, "my tool");
  await dialog.getByText(`${server.url}/v1`, { exact: true }).waitFor();
  await dialog.getByText(`client = OpenAI(base_url="${server.url}/v1", api_key="${secret}")`).waitFor();
  // A slip does not lose it.
  await page.keyboard.press("Escape");
  await page.mouse.click(5, 5);
  await kept(dialog);
  await dialog.waitFor({ state: "detached" });
  const holdsIt = (what) => JSON.stringify(what).includes(secret.slice(16));
  assert.ok(!holdsIt(await page.evaluate(() => [{ ...localStorage }, { ...sessionStorage }, location.href, document.body.innerHTML])));
  await row(page, "my tool").getByText("never").first().waitFor();

  const { status, answer } = await complete(server.url, secret);
  assert.deepEqual([status, answer.choices[0].message.content], [200, "hello by the API"]);
  await balance(page).getByText("3,900").waitFor();
  await page.reload();
  await page.getByRole("row", { name: new RegExp(`my tool.*${prefix}….*Use models.*all.*100 in total.*just now.*active`) }).waitFor();
  // What was said is not stored, and nowhere an empty bubble.
  await page.getByRole("tab", { name: "Usage" }).click();
  await page.getByRole("row", { name: /Answer open by API key.*−100/ }).getByRole("button", { name: "open" }).click();
  await page.getByRole("dialog").getByText("not stored (API call)").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByRole("tab", { name: "API keys" }).click();

  await revoke(page, "my tool");
  await row(page, "my tool").getByText("revoked").waitFor();
  assert.equal((await complete(server.url, secret)).status, 401);
});

test("limits, models and a last day are kept to, and mistakes are told where they are", async () => {
  const page = await browser.open("/");
  await register(page, "tom");
  const { secret, dialog } = await makeKey(page, "a frugal one", {
    more: async (form) => {
      assert.equal(await form.getByRole("checkbox", { name: "Administer" }).count(), 0);
      await form.getByRole("checkbox", { name: "Use models" }).click();
      await form.getByRole("textbox", { name: "Expires on" }).fill("2001-01");
      // Closes the calendar, and not the form.
      await form.getByRole("textbox", { name: "Expires on" }).press("Escape");
      await form.getByRole("button", { name: "Create key" }).click();
      await form.getByText("Choose at least one").waitFor();
      await form.getByText("Use YYYY-MM-DD or DD.MM.YYYY").waitFor();
      await form.getByRole("checkbox", { name: "Use models" }).click();
      await form.getByRole("textbox", { name: "Expires on" }).fill("2001-01-01");
      await form.getByRole("textbox", { name: "Expires on" }).press("Escape");
      await form.getByRole("textbox", { name: "Per day" }).fill("0");
      await form.getByRole("button", { name: "Create key" }).click();
      // These two are the server's to say.
      await form.getByText("At least 1.").waitFor();
      await form.getByText("Between now and the year 9999.").waitFor();
      await form.getByRole("textbox", { name: "Per day" }).fill("99");
      await form.getByRole("textbox", { name: "Total" }).fill("5000");
      await form.getByRole("textbox", { name: "Expires on" }).fill("2999-12-31");
      await form.getByRole("textbox", { name: "Expires on" }).press("Escape");
      await form.getByRole("combobox", { name: "Models" }).click();
      await page.getByRole("option", { name: "scripted" }).click();
    },
  });
  await kept(dialog);
  await page.getByRole("row", { name: /a frugal one.*scripted.*0 of 5,000 in total.*0 of 99 today.*2999.*active/ }).waitFor();
  const { status, answer } = await complete(server.url, secret);
  assert.equal(status, 402);
  assert.match(answer.error.message, /spending limit of this API key/);
  await balance(page).getByText("4,000").waitFor();
});

test("an operator finds a key by its beginning and revokes it, and the trail tells", async () => {
  const theirs = await browser.open("/");
  await register(theirs, "eva");
  const { secret, prefix, dialog } = await makeKey(theirs, "a lost one");
  await kept(dialog);
  assert.equal((await complete(server.url, secret)).status, 200);

  const page = await browser.open("/");
  await logIn(page, "sue");
  await page.goto("/account?tab=keys");
  await page.getByRole("button", { name: "New key…" }).click();
  await page.getByRole("checkbox", { name: "Administer" }).waitFor();
  await page.keyboard.press("Escape");

  // The chat says what it was paid under.
  await page.goto("/admin/chats?model=scripted");
  await page.getByRole("row", { name: /eva not stored \(API call\)/ }).getByRole("button").click();
  await page.getByRole("dialog", { name: "Message", exact: true }).getByRole("link", { name: `${prefix}…` }).click();
  await page.waitForURL(/admin\/keys\?search=jt-/);
  await row(page, "a lost one").waitFor();

  await page.goto("/admin/keys");
  await row(page, "my tool").waitFor();
  // A whole key that somebody found will do, and what is secret of it gets nowhere.
  await page.getByLabel("Key", { exact: true }).fill(secret);
  await holds(page.getByLabel("Key", { exact: true }), prefix);
  await row(page, "my tool").waitFor({ state: "detached" });
  assert.equal(new URL(page.url()).search, `?search=${prefix}`);
  await revoke(page, "a lost one");
  await row(page, "a lost one").getByText("revoked").waitFor();
  assert.equal((await complete(server.url, secret)).status, 401);

  await row(page, "a lost one").getByRole("link", { name: "Audit events" }).click();
  await page.getByText("1 event", { exact: true }).waitFor();
  const act = page.getByRole("row", { name: new RegExp(`sue Revoked the API key ${prefix}… of eva \\(a lost one\\) eva scopes: completions`) });
  await act.getByRole("link", { name: "eva", exact: true }).click();
  // Whose it is has the key, and the act.
  await page.getByRole("tab", { name: "API keys" }).click();
  await row(page, "a lost one").getByText("revoked").waitFor();
  await page.getByRole("tab", { name: "Audit log" }).click();
  await page.getByRole("row", { name: /Revoked the API key/ }).waitFor();
});
