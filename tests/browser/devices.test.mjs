// One conversation on two devices of a user: both show the same, at once.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { holds, logIn, newest, register, send, startBrowser, startServer } from "./support.mjs";
import { CHEAP, articles, slow, stop } from "./thread.mjs";

let server, browser;
before(async () => {
  server = await startServer(CHEAP);
  browser = await startBrowser(server.url);
});
after(async () => {
  await browser.close();
  await server.stop();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

const link = (page, title) => page.getByRole("navigation", { name: "Conversations" }).getByRole("link", { name: title });

/** Two contexts of one user, the first one in a conversation with an answered message. */
async function twoDevices(name) {
  const one = await browser.open("/");
  await register(one, name);
  const two = await browser.open("/");
  await logIn(two, name);
  await send(one, "the first message");
  await newest(one).getByText("100 tokens").waitFor();
  return { one, two };
}

test("a message and its stream appear on the other device, and the sidebar follows", async () => {
  const { one, two } = await twoDevices("syn");
  // The other device is elsewhere, and sees the new conversation.
  await link(two, /^the first message/).click();
  await newest(two).getByText("100 tokens").waitFor();

  await send(one, slow(30));
  await newest(two).getByText("w0 w1").nth(1).waitFor();
  assert.equal(await articles(two).count(), 2);
  await link(two, /^the first message/).getByText("Answering…").waitFor();
  // So a message from there waits for it, rather than a second answer running beside.
  await stop(two).waitFor();
  await send(two, "from the other one");
  await two.getByRole("group", { name: "Waiting message" }).waitFor();
  await stop(two).click();
  await newest(one).getByText("from the other one").first().waitFor();
  for (const page of [one, two]) {
    await articles(page).nth(1).getByText(/· stopped/).waitFor();
    await articles(page).nth(2).getByText("100 tokens").waitFor();
    assert.equal(await articles(page).count(), 3);
    await link(page, /^the first message/).getByText("just now").waitFor();
  }
});

test("renamed, deleted, and what is selected: the other device has it, too", async () => {
  const { one, two } = await twoDevices("ren");
  await link(two, /^the first message/).click();
  await newest(two).getByText("100 tokens").waitFor();

  await one.getByRole("heading", { level: 1 }).getByRole("button").click();
  await one.getByLabel("Title of the conversation").fill("A better title");
  await one.keyboard.press("Enter");
  await two.getByRole("heading", { level: 1, name: "A better title" }).waitFor();
  await link(two, /^A better title/).waitFor();

  await one.getByRole("combobox", { name: "Model" }).click();
  await one.getByRole("option", { name: /^cheap/ }).click();
  await holds(two.getByRole("combobox", { name: "Model" }), "cheap · 10 tokens a message");
  // The other one selects again, and the first one follows.
  await two.getByRole("combobox", { name: "Model" }).click();
  await two.getByRole("option", { name: /^scripted/ }).click();
  await holds(one.getByRole("combobox", { name: "Model" }), "scripted · 100 tokens a message");

  await one.getByRole("button", { name: "Add instructions" }).click();
  const dialog = one.getByRole("dialog", { name: "Instructions" });
  await dialog.getByRole("textbox", { name: "Instructions" }).fill("Be brief.");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  await one.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Edit instructions");
  await two.getByRole("button", { name: "Edit instructions" }).click();
  await holds(two.getByRole("dialog").getByRole("textbox", { name: "Instructions" }), "Be brief.");
  await two.keyboard.press("Escape");

  // One of two messages, then the whole conversation.
  await send(one, "to be deleted");
  await articles(two).nth(1).getByText("100 tokens").waitFor();
  await newest(one).getByLabel("Delete the message and its answer").click();
  await one.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await two.getByText("to be deleted").first().waitFor({ state: "detached" });
  assert.equal(await articles(two).count(), 1);
  await one.getByRole("button", { name: "Menu of this chat" }).click();
  await one.getByRole("menuitem", { name: "Delete…" }).click();
  await one.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await two.getByText("Conversation not found").waitFor();
  await link(two, /^A better title/).waitFor({ state: "detached" });
});

test("regenerated, edited and chosen elsewhere", async () => {
  const { one, two } = await twoDevices("ver");
  await link(two, /^the first message/).click();
  await newest(two).getByText("100 tokens").waitFor();
  await newest(one).getByLabel("Edit the message").click();
  await one.getByLabel("Edit message").fill("another message");
  await one.getByLabel("Edit message").press("Enter");
  await newest(two).getByText("another message").nth(1).waitFor();
  await newest(two).getByText("2/2").waitFor();
  assert.equal(await articles(two).count(), 1);
  // The title was made from the message.
  for (const page of [one, two]) await link(page, /^another message/).waitFor();
  await newest(two).getByRole("button", { name: "Previous version" }).click();
  await newest(one).getByText("the first message").nth(1).waitFor();
  await newest(one).getByText("1/2").waitFor();
  for (const page of [one, two]) await link(page, /^the first message/).waitFor();
});

test("what was missed offline is there after it", async () => {
  const { one, two } = await twoDevices("off");
  await link(two, /^the first message/).click();
  await newest(two).getByText("100 tokens").waitFor();
  await two.context().setOffline(true);
  await two.getByText("Offline").first().waitFor({ state: "attached" });
  await send(one, "said meanwhile");
  await newest(one).getByText("100 tokens").waitFor();
  await one.goto("/");
  await send(one, "a new conversation");
  await newest(one).getByText("100 tokens").waitFor();
  await two.context().setOffline(false);
  await articles(two).nth(1).getByText("said meanwhile").nth(1).waitFor({ timeout: 40_000 });
  await link(two, /^a new conversation/).waitFor();
});

test("one WebSocket carries it all", async () => {
  const page = await browser.open("/");
  const sockets = [];
  page.on("websocket", (socket) => sockets.push(socket.url()));
  await register(page, "web");
  await send(page, "hello");
  await newest(page).getByText("100 tokens").waitFor();
  assert.equal(sockets.length, 1);
});
