import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fits, logIn, register, startBrowser, startServer } from "./support.mjs";

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

test("GraphiQL asks as whoever is logged in", async () => {
  const page = await browser.open("/");
  await logIn(page, "admin");
  await page.goto("/graphql");
  await page.waitForURL(/graphiql/);
  // The editor takes a while until it executes what is in it, and cuts its text into pieces.
  const answered = () => document.querySelector(".graphiql-response")?.textContent.includes("admin");
  for (let tries = 0; tries < 10 && !(await page.evaluate(answered)); tries += 1) {
    await page.getByRole("button", { name: /execute/i }).click();
    await page.waitForFunction(answered, undefined, { timeout: 2000 }).catch(() => undefined);
  }
  assert.ok(await page.evaluate(answered));
  // On a phone the answer has the width of the page.
  await page.setViewportSize({ width: 390, height: 844 });
  await page.waitForFunction(() => document.querySelector(".graphiql-response").offsetWidth > 250);
  await fits(page, "GraphiQL");
});

test("GraphiQL leaves nothing in the browser's storage", async () => {
  const page = await browser.open("/");
  await logIn(page, "admin");
  // As earlier versions left it.
  await page.evaluate(() => localStorage.setItem("graphiql:queries", "a secret of before"));
  await page.goto("/graphiql");
  const answered = () => document.querySelector(".graphiql-response")?.textContent.includes("admin");
  for (let tries = 0; tries < 10 && !(await page.evaluate(answered)); tries += 1) {
    await page.getByRole("button", { name: /execute/i }).click();
    await page.waitForFunction(answered, undefined, { timeout: 2000 }).catch(() => undefined);
  }
  assert.ok(await page.evaluate(answered));
  const stored = () => Object.keys({ ...localStorage, ...sessionStorage }).filter((key) => /graphiql/i.test(key));
  assert.deepEqual(await page.evaluate(stored), []);
  await page.getByLabel("Menu of admin").click();
  await page.getByRole("menuitem", { name: "Log out", exact: true }).click();
  await page.waitForURL(/login/);
  assert.deepEqual(await page.evaluate(stored), []);
});

test("GraphiQL is in the menu of staff, and not of everybody", async () => {
  const page = await browser.open("/");
  await register(page, "una");
  await page.getByLabel("Menu of una").click();
  await page.getByRole("menuitem", { name: "Log out", exact: true }).waitFor();
  assert.equal(await page.getByRole("menuitem", { name: "GraphiQL" }).count(), 0);
  // Also for the theme, which is there now.
  await page.getByRole("group", { name: "Theme" }).getByRole("menuitemradio", { name: "Dark" }).click();
  await page.locator("html[data-mantine-color-scheme=dark]").waitFor();
  await page.getByRole("menuitemradio", { name: "System", exact: true }).click();
  await page.locator("html[data-mantine-color-scheme=light]").waitFor();
  await page.goto("/graphiql");
  await page.getByRole("button", { name: /execute/i }).waitFor();
});
