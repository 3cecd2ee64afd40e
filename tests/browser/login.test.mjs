// Log-in and registration: on a slow line, by the rules of the server, and for those who may not in.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, logIn, register, startBrowser, startServer } from "./support.mjs";

const CONTACT = "help@jeton.example";
/** The longest time, in milliseconds, until the log-in form is usable on a slow line. */
const SOON = 1_000;
/** The largest first load of a page, in bytes as they are sent. */
const FIRST_LOAD = 300_000;

let server, browser;
before(async () => {
  server = await startServer(`auth.contact = "${CONTACT}"`);
  browser = await startBrowser(server.url);
});
after(async () => {
  await browser.close();
  await server.stop();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails, the policy is kept");
});

const username = (page) => page.getByLabel("Username");
const password = (page) => page.locator("input[type=password]").first();
const submit = (page) => page.locator("#root form button[type=submit]");
const composer = (page) => page.getByLabel("Message", { exact: true });
const focused = (page) => page.evaluate(() => document.activeElement?.type ?? "");

/** A line of 50 kB/s with a latency of 400 ms, and the bytes that came over it. */
async function slowLine(page) {
  const session = await page.context().newCDPSession(page);
  const line = { bytes: 0 };
  session.on("Network.loadingFinished", ({ encodedDataLength }) => (line.bytes += encodedDataLength));
  await session.send("Network.enable");
  const slow = { offline: false, latency: 400, downloadThroughput: 50_000, uploadThroughput: 50_000 };
  await session.send("Network.emulateNetworkConditions", slow);
  return line;
}

/** Notes in the page when its field for the name is painted and has the focus, in milliseconds since the navigation. */
const noteUsable = () => {
  window.usable = new Promise((resolve) => {
    const look = () => {
      const { activeElement } = document;
      const isField = activeElement instanceof HTMLInputElement && activeElement.checkVisibility();
      if (isField) requestAnimationFrame(() => resolve(performance.now()));
      else requestAnimationFrame(look);
    };
    look();
  });
};

for (const [path, colorScheme] of [["/login", "light"], ["/login", "dark"], ["/", "light"], ["/register", "light"]]) {
  test(`on a slow line ${path} can be filled in within a second, and what is sent is not lost, ${colorScheme}`, async () => {
    const page = await browser.open(null, { colorScheme });
    page.setDefaultTimeout(60_000);
    await page.addInitScript(noteUsable);
    await slowLine(page);
    let usable = Infinity;
    // The machine may have been busy.
    for (let tries = 0; tries < 3 && usable >= SOON; tries++) {
      await page.goto(path, { waitUntil: "commit" });
      usable = await page.evaluate(() => window.usable);
    }
    assert.ok(usable < SOON, `usable after ${Math.round(usable)} ms`);
    const background = await page.evaluate(() => getComputedStyle(document.getElementById("boot")).backgroundColor);
    assert.equal(background, colorScheme === "dark" ? "rgb(36, 36, 36)" : "rgb(255, 255, 255)");
    // By keys alone, without a look at which of the two forms it is.
    const name = path === "/register" ? "slowly" : "admin";
    await page.keyboard.type(name);
    await page.keyboard.press("Tab");
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("#root form").count(), 0, "its scripts are not there yet");
    await page.getByText("One moment…").waitFor();
    await composer(page).waitFor();
    assert.equal(new URL(page.url()).search, "", "the password is nowhere in the address");
    await page.getByLabel(`Menu of ${name}`).waitFor();
  });
}

test("the first load of the log-in page and of the chat is small", async () => {
  const page = await browser.open(null);
  const login = await slowLine(page);
  page.setDefaultTimeout(60_000);
  await page.goto("/login", { waitUntil: "commit" });
  await submit(page).waitFor();
  assert.ok(login.bytes <= FIRST_LOAD, `${login.bytes} bytes until the log-in`);
  await username(page).fill("admin");
  await password(page).fill(PASSWORD);
  await submit(page).click();
  await composer(page).waitFor();

  // The same user in a browser that knows nothing but the cookie.
  const again = await browser.open(null, { storageState: await page.context().storageState() });
  const chat = await slowLine(again);
  again.setDefaultTimeout(60_000);
  await again.goto("/", { waitUntil: "commit" });
  await composer(again).waitFor();
  assert.ok(chat.bytes <= FIRST_LOAD, `${chat.bytes} bytes until the chat`);
});

test("scripts are compressed and cached for ever, the page is asked for again", async () => {
  const headers = { "accept-encoding": "gzip, br", accept: "text/html" };
  const page = await fetch(`${server.url}/login`, { headers });
  assert.equal(page.headers.get("cache-control"), "no-cache");
  assert.ok(page.headers.get("content-encoding"), "compressed");
  assert.match(page.headers.get("content-security-policy"), /script-src 'self'( 'sha256-[\w+/=]+')*;/);
  const html = await page.text();
  const [, script] = /src="(\/assets\/[^"]+\.js)"/.exec(html);
  const asset = await fetch(server.url + script, { headers });
  assert.match(asset.headers.get("cache-control"), /immutable/);
  assert.ok(asset.headers.get("content-encoding"), "compressed");
  assert.equal(asset.headers.get("x-content-type-options"), "nosniff");
  // What protects documents is on documents only.
  assert.equal(page.headers.get("x-frame-options"), "DENY");
  assert.equal(asset.headers.get("x-frame-options"), null);
  const known = await fetch(`${server.url}/login`, { headers: { ...headers, "if-none-match": page.headers.get("etag") } });
  assert.equal(known.status, 304);
});

test("what is typed into the log-in page before its scripts is kept, and so is the place of the focus", async () => {
  const page = await browser.open("/login");
  let arrive;
  const arrived = new Promise((resolve) => (arrive = resolve));
  await page.route("**/assets/*.js", async (route) => {
    await arrived;
    await route.continue();
  });
  await page.goto("/login", { waitUntil: "commit" });
  await username(page).fill("admin");
  await password(page).fill(PASSWORD);
  arrive();
  await submit(page).waitFor();
  assert.equal(await username(page).inputValue(), "admin");
  assert.equal(await focused(page), "password");
  await page.keyboard.press("Enter");
  await composer(page).waitFor();
});

test("who is logged in sees no log-in form while the page loads, and who was logged out does", async () => {
  const page = await browser.open("/");
  await register(page, "known");
  const shown = (path) =>
    page.goto(path, { waitUntil: "commit" }).then(() => page.evaluate(() => document.documentElement.dataset.boot));
  assert.equal(await shown("/account"), "page");
  await page.getByLabel("Menu of known").click();
  await page.getByRole("menuitem", { name: "Log out", exact: true }).click();
  await page.waitForURL(/login/);
  await submit(page).waitFor();
  assert.equal(await shown("/account?tab=usage"), "login");
  await page.waitForURL(/login/);
  await username(page).fill("known");
  await password(page).fill(PASSWORD);
  await submit(page).click();
  // The page that was asked for.
  await page.waitForURL(/account\?tab=usage/);
});

test("a wrong password, and a deactivated account, are told apart only by who knows the password", async () => {
  server.run("user", "create", "deaf", "--password-stdin");
  const admin = await browser.open("/");
  await logIn(admin, "admin");
  const page = await browser.open("/");
  await logIn(page, "deaf");
  await admin.goto("/admin/users?search=deaf");
  await admin.getByRole("link", { name: "deaf", exact: true }).click();
  await admin.getByRole("button", { name: "Deactivate…" }).click();
  await admin.getByRole("dialog").getByRole("button", { name: "Deactivate", exact: true }).click();
  await page.waitForURL(/login/);
  const stale = page.getByText("You’ve been logged out. Log in to continue.");
  await stale.waitFor();
  const tell = async (typed, text) => {
    await username(page).fill("deaf");
    await password(page).fill(typed);
    await submit(page).click();
    await page.getByRole("alert").getByText(text).waitFor();
    assert.equal(await stale.count(), 0, "the note of before is not true any more");
    assert.equal(await focused(page), "password");
  };
  await tell("not-the-password", "Wrong username or password.");
  await tell(PASSWORD, "This account is deactivated.");
  await page.getByRole("alert").getByRole("link", { name: CONTACT }).waitFor();
});

test("the log-in page says whom to ask for a forgotten password, and empty fields what to enter", async () => {
  const page = await browser.open("/login");
  const link = page.getByRole("link", { name: CONTACT });
  assert.equal(await link.getAttribute("href"), `mailto:${CONTACT}`);
  await page.getByText("Forgot your password? Ask your operator").waitFor();
  await submit(page).click();
  await page.getByText("Enter a username").waitFor();
  await page.getByText("Enter your password").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("autocomplete")), "username");
});

test("registration says its rules before, and which one is broken at the field", async () => {
  const page = await browser.open("/login");
  await page.getByRole("link", { name: "Create account" }).click();
  await page.getByRole("heading", { name: "Create account" }).waitFor();
  await page.getByText("At least 8 characters.").waitFor();
  await page.getByText(/^Not a common password/).waitFor();
  await page.getByText("Use letters, digits and the signs _ . @ + - only.", { exact: true }).waitFor();
  const told = async (name, typed, at, text) => {
    await username(page).fill(name);
    await password(page).fill(typed);
    await submit(page).click();
    await page.locator(`#root input[autocomplete=${at === "username" ? "username" : "new-password"}][aria-invalid=true]`).waitFor();
    await page.locator(".mantine-InputWrapper-error", { hasText: text }).waitFor();
  };
  await told("anna", "short", "password", "Use at least 8 characters.");
  await told("n".repeat(51), PASSWORD, "username", "Use at most 50 characters.");
  await told("a b@!/", PASSWORD, "username", "Use letters, digits and the signs _ . @ + - only.");
  await told("admin", PASSWORD, "username", /already exists|is taken/);
  for (const typed of ["password1", "anna1234", "12345678901"]) await told("anna", typed, "password", /./);
  // Both fields at once, each with its own.
  await told("a b", "12345678901", "username", /letters, digits/);
  await page.locator(".mantine-InputWrapper-error", { hasText: /Digits alone|guess/ }).waitFor();
  await username(page).fill("anna");
  await password(page).fill(PASSWORD);
  await submit(page).click();
  await composer(page).waitFor();
});

test("where registration is closed there is no form, but the contact", async () => {
  const closed = await startServer(`auth.registration = "closed"\nauth.contact = "Room 12"`);
  try {
    const other = await startBrowser(closed.url);
    const page = await other.open("/login");
    await page.getByText("Accounts are made by your operator.").waitFor();
    assert.equal(await page.getByRole("link", { name: "Create account" }).count(), 0);
    await page.goto("/register");
    await page.getByText("Registration is closed: accounts are made by your operator. Ask your operator: Room 12").waitFor();
    assert.equal(await submit(page).count(), 0);
    await page.getByRole("link", { name: "Log in" }).click();
    await submit(page).waitFor();
    assert.deepEqual(other.wrong, []);
    await other.close();
  } finally {
    await closed.stop();
  }
});

for (const [name, options] of [["a desk", {}], ["a phone", { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }]]) {
  test(`nothing moves when the log-in page takes over from its first response, on ${name}`, async () => {
    const page = await browser.open(null, options);
    let arrive;
    const arrived = new Promise((resolve) => (arrive = resolve));
    await page.route("**/assets/*", (route) => arrived.then(() => route.continue()));
    await page.goto("/login", { waitUntil: "commit" });
    const places = async (root) => {
      const all = ["h1", "input[type=password]", "button[type=submit], #boot-form button"].map((part) => page.locator(`${root} :is(${part})`));
      return Promise.all(all.map((part) => part.first().boundingBox()));
    };
    const before = await places("#boot");
    arrive();
    await submit(page).waitFor();
    const after = await places("#root");
    for (const [at, { y, height }] of after.entries()) {
      assert.ok(Math.abs(y + height / 2 - (before[at].y + before[at].height / 2)) < 2, JSON.stringify({ before, after }));
    }
  });
}
