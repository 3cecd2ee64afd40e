// Lists that are put in order: pinned and archived conversations, the export of one, and many models.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, fits, holds, logIn, newest, saved, startBrowser, startServer } from "./support.mjs";
import { ask, field, open } from "./thread.mjs";

const MODELS = Array.from({ length: 40 }, (_, at) => `[models.model-${at}]
provider = "echo"
title = "Model Number ${at}"
description = "${at === 33 ? "Writes poems in Latin" : "Answers questions"}."
price = { per_message = ${at + 1} }
`).join("");

let server, browser;
before(async () => {
  server = await startServer(MODELS);
  browser = await startBrowser(server.url);
});
after(async () => {
  await browser.close();
  await server.stop();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

const group = (page, label) => page.getByRole("region", { name: label, exact: true });
const link = (page, name) => page.getByRole("link", { name });

async function act(page, title, item) {
  await page.getByRole("button", { name: `Menu of “${title}”` }).click();
  await page.getByRole("menuitem", { name: item, exact: true }).click();
  await page.getByRole("menuitem").first().waitFor({ state: "detached" });
}

test("pinned conversations come first, archived ones last, and both on the other device, too", async () => {
  const page = await open(browser, "ann");
  for (const text of ["Alpha", "Beta", "Gamma"]) {
    await page.goto("/");
    await ask(page, text);
  }
  const other = await browser.open(null);
  await logIn(other, "ann");
  await link(other, /^Alpha/).waitFor();

  await act(page, "Alpha", "Pin");
  for (const one of [page, other]) {
    await group(one, "Pinned").getByRole("link", { name: /^Alpha/ }).waitFor();
    assert.equal(await group(one, "Today").getByRole("link").count(), 2);
  }
  await accessible(page, "a pinned conversation");
  await fits(page, "a pinned conversation");

  await act(page, "Beta", "Archive");
  await link(page, /^Beta/).waitFor({ state: "detached" });
  await link(other, /^Beta/).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await link(page, /^Beta/).waitFor();
  await link(other, /^Beta/).waitFor();

  // From the menu of the open conversation.
  await link(page, /^Beta/).click();
  await newest(page).getByText("100 tokens").waitFor();
  await page.getByRole("button", { name: "Menu of this chat" }).click();
  await page.getByRole("menuitem", { name: "Archive", exact: true }).click();
  await page.getByText("Archived", { exact: true }).waitFor();
  await link(page, /^Beta/).waitFor({ state: "detached" });
  await page.reload();
  await page.getByText("Archived", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Archived chats" }).click();
  await link(page, /^Beta/).waitFor();
  assert.equal(await page.getByRole("navigation").getByRole("link", { name: /^(Alpha|Gamma)/ }).count(), 0);
  await accessible(page, "the archive");
  // The next message takes it out.
  await ask(page, "again");
  await page.getByText("No archived chats").waitFor();
  await page.getByRole("button", { name: "Back to all chats" }).click();
  await group(page, "Today").getByRole("link", { name: /^Beta/ }).waitFor();
  await link(other, /^Beta/).waitFor();

  await act(other, "Alpha", "Unpin");
  await group(page, "Pinned").waitFor({ state: "detached" });
  await group(page, "Today").getByRole("link", { name: /^Alpha/ }).waitFor();
});

test("one conversation is exported, and no other", async () => {
  const page = await open(browser, "exp");
  await ask(page, "the first chat");
  await page.goto("/");
  await ask(page, "the second chat");
  const markdown = await saved(page, () => act(page, "the first chat", "Export as Markdown"));
  assert.match(markdown.name, /^jeton-chat-.*[.]md$/);
  assert.match(markdown.text, /the first chat/);
  assert.doesNotMatch(markdown.text, /the second chat/);
  const json = await saved(page, async () => {
    await page.getByRole("button", { name: "Menu of this chat" }).click();
    await page.getByRole("menuitem", { name: "Export as JSON", exact: true }).click();
  });
  assert.deepEqual(JSON.parse(json.text).map(({ message }) => message), ["the second chat"]);
});

test("a model is found by its title or description among many, with its price", async () => {
  const page = await open(browser, "mod");
  const model = page.getByRole("combobox", { name: "Model" });
  await holds(model, "scripted · 100 tokens a message");
  await model.click();
  assert.ok((await page.getByRole("option").count()) >= 42, "all, until something is typed");
  await accessible(page, "the list of models");
  await page.keyboard.type("latin");
  const found = page.getByRole("option");
  await found.nth(1).waitFor({ state: "detached" });
  assert.match(await found.textContent(), /Model Number 33.*Writes poems in Latin.*34 tokens a message/);
  await page.keyboard.press("Enter");
  await holds(model, "Model Number 33 · 34 tokens a message");
  // Again, with the focus still in the field.
  await model.click();
  await page.keyboard.type("number 21");
  await found.nth(1).waitFor({ state: "detached" });
  await page.keyboard.press("Enter");
  await holds(model, "Model Number 21 · 22 tokens a message");
  await model.click();
  await page.keyboard.type("latin");
  await found.nth(1).waitFor({ state: "detached" });
  await page.keyboard.press("Enter");
  await field(page).fill("hello");
  await field(page).press("Enter");
  await newest(page).getByText("Model Number 33 · 34 tokens").waitFor();
  await page.goto("/account?tab=usage");
  const spending = page.getByRole("region", { name: "Spending" });
  await spending.getByText("34 tokens").nth(1).waitFor();
  await page.getByText("Writes poems in Latin. Name for programs: model-33").waitFor();
  await page.goto("/account?tab=security");
  await page.getByText(/from 127[.]0[.]0[.]1/).waitFor();
});
