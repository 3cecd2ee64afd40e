import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  accessible,
  choose,
  complete,
  fits,
  logIn,
  makeKey,
  newest,
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
  const page = await browser.open("/");
  await register(page, "dan");
  for (const message of ["one", "two", "fail please"]) {
    await send(page, message);
    await newest(page).getByText(message.slice(0, 4)).first().waitFor();
    await newest(page).getByText(/\d+ tokens$/).waitFor();
  }
  const { secret } = await makeKey(page, "a tool");
  assert.equal((await complete(server.url, secret)).status, 200);
  server.run("user", "grant", "dan", "--reason", "a gift", "500");
});
after(async () => {
  await browser.close();
  await server.stop();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

/** The days of this month so far, in UTC, as the browser sees them. */
const month = () => [`${new Date().toISOString().slice(0, 8)}01`, new Date().toISOString().slice(0, 10)];

const section = (page, name) => page.getByRole("region", { name });
const figure = (page, label) => page.getByRole("list", { name: "Totals" }).getByRole("listitem").filter({ hasText: label });

test("the dashboard tells what a model cost in a month, and saves it", async () => {
  const page = await browser.open("/");
  await logIn(page, "sue");
  await page.getByRole("link", { name: "Administration" }).click();
  await choose(page, "Period", "This month");
  await page.waitForURL(/period=month/);
  await section(page, "By model").getByText("This month").waitFor();
  await section(page, "By model").getByRole("row", { name: "scripted 300 4 25 %" }).waitFor();
  const { name, text } = await saved(page, () => page.getByRole("button", { name: "Download CSV: By model" }).click());
  const [first, last] = month();
  assert.match(name, new RegExp(`^jeton-models-${first}-${last}-.*\\.csv$`));
  assert.deepEqual(rows(text), [{ model: "scripted", tokens: "300", messages: "4", failures: "1" }]);
  await choose(page, "Period", "Last month");
  await section(page, "By model").getByText("No messages").waitFor();
  // Own days.
  await choose(page, "Period", "Other days…");
  await page.getByText("Choose the first and the last day.").waitFor();
  await page.getByRole("textbox", { name: "From" }).fill(first);
  await page.getByRole("textbox", { name: "To" }).fill(last);
  await page.getByRole("textbox", { name: "To" }).press("Escape");
  await section(page, "By model").getByRole("row", { name: "scripted 300 4 25 %" }).waitFor();
  await page.reload();
  await section(page, "By model").getByText(`${first} to ${last}`).or(section(page, "By model").getByText(first)).first().waitFor();
});

test("the dashboard has totals, times, keys, who runs dry, and what runs now", async () => {
  const page = await browser.open("/");
  await logIn(page, "admin");
  await page.goto("/admin?period=today");
  for (const [label, text] of [
    ["Tokens spent", /300.*new.*0 in the day before/],
    ["Tokens granted", /500 by operators/],
    ["Messages", /4/],
    ["Active users", /1/],
    ["Error rate", /25 %.*1 of 4 messages failed/],
    ["Time to first word", /\d.* s.*Median; 95 % within/],
    ["Time to whole answer", /\d.* s.*Median; 95 % within/],
    ["Outstanding tokens", /Balances of 3 users now/],
    ["Running now", /0/],
  ]) {
    await figure(page, label).filter({ hasText: text }).first().waitFor();
  }
  await section(page, "By API key").getByRole("row", { name: "a tool dan 100 1" }).waitFor();
  await section(page, "Top spenders, today").getByRole("row", { name: "dan 300 4" }).waitFor();
  await page.getByRole("img", { name: /^Chart: tokens spent by day, 300 in total/ }).waitFor();
  await section(page, "By day").getByRole("row", { name: /300 4 1 1 –$/ }).waitFor();
  // An answer that is on its way is seen without a reload.
  const theirs = await browser.open("/");
  await logIn(theirs, "dan");
  await send(theirs, `slow ${"word ".repeat(60)}`);
  await figure(page, "Running now").filter({ hasText: "1" }).waitFor();
  await theirs.getByRole("button", { name: /^Stop/ }).click();
  await figure(page, "Running now").filter({ hasText: "0" }).waitFor();
});

test("who is about to run dry is topped up from the dashboard", async () => {
  const theirs = await browser.open("/");
  await register(theirs, "dry");
  await send(theirs, "the last one");
  await newest(theirs).getByText("100 tokens").waitFor();
  server.run("user", "grant", "dry", "--reason", "a correction", "-3500");
  const page = await browser.open("/");
  await logIn(page, "sue");
  await page.goto("/admin");
  const dry = section(page, "About to run dry");
  await dry.getByRole("row", { name: /dry 400 100/ }).waitFor();
  await dry.getByRole("button", { name: "Top up this user…" }).click();
  const form = page.getByRole("dialog", { name: "Adjust the balances of 1 user" });
  await form.getByRole("button", { name: "+1,000" }).click();
  await form.getByText("1 × 1,000 = 1,000 tokens").waitFor();
  await form.getByLabel("Reason").fill("so that it goes on");
  await form.getByRole("button", { name: "Adjust", exact: true }).click();
  await page.getByText("Added 1,000 tokens to 1 user.").waitFor();
  await dry.getByText("Nobody").waitFor();
  // All who have little, whether they are active or not, selected at once.
  server.run("user", "create", "idle", "--password-stdin");
  server.run("user", "grant", "idle", "--reason", "a correction", "-3900");
  await dry.getByRole("link", { name: "All users with at most 999 tokens" }).click();
  await page.getByRole("region", { name: "Selection" }).getByText("1 user who matches selected").waitFor();
  await page.getByRole("row", { name: /idle User Active 100/ }).waitFor();
});

for (const colorScheme of ["light", "dark"]) {
  test(`the dashboard is accessible, ${colorScheme}, on a desk and on a phone`, async () => {
    for (const viewport of [{ width: 1280, height: 800 }, { width: 390, height: 844 }]) {
      const page = await browser.open("/", { colorScheme, viewport, reducedMotion: "reduce" });
      await logIn(page, "sue");
      await page.goto("/admin");
      await page.getByRole("img", { name: /^Chart: tokens/ }).waitFor();
      await page.waitForLoadState("networkidle");
      await accessible(page, `the dashboard, ${viewport.width}`);
      await fits(page, "the dashboard");
      if (viewport.width === 390) assert.equal(await page.getByRole("table").count(), 0, "cards");
      await page.goto("/admin/users?max=5000&select=all");
      await page.getByRole("region", { name: "Selection" }).waitFor();
      await accessible(page, `the users, ${viewport.width}`);
      await fits(page, "the users");
    }
  });
}
