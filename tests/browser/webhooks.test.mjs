// A superuser adds a webhook in the browser, tests it, and looks at its deliveries.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { accessible, fits, logIn, register, startBrowser, startServer } from "./support.mjs";

const DESK = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

/** A receiver that accepts what it gets, unless it is told otherwise. */
async function startReceiver() {
  const received = [];
  const receiver = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    received.push({ headers: request.headers, body });
    response.writeHead(receiver.status).end();
  });
  receiver.status = 204;
  receiver.received = received;
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  return receiver;
}

function isSignedBy(secret, { headers, body }) {
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const expected = `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
  return headers["webhook-signature"].split(" ").includes(expected);
}

let server, browser, receiver, address;
before(async () => {
  receiver = await startReceiver();
  address = `http://127.0.0.1:${receiver.address().port}/hook`;
  server = await startServer("webhooks.allow_private_networks = true");
  browser = await startBrowser(server.url);
});
after(async () => {
  await browser.close();
  await server.stop();
  receiver.close();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
});

const dialog = (page, name) => page.getByRole("dialog", { name, exact: true });
const press = (scope, name) => scope.getByRole("button", { name, exact: true }).click();

async function looksRight(page, what) {
  await page.mouse.move(1, 1);
  await page.waitForTimeout(300);
  for (const size of [DESK, PHONE]) {
    await page.setViewportSize(size);
    await accessible(page, `${what}, ${size.width}`);
    await fits(page, what);
    if (process.env.SHOTS) {
      await page.waitForTimeout(300);
      await page.screenshot({ path: `${process.env.SHOTS}/${what.replaceAll(" ", "-")}-${size.width}.png`, animations: "disabled" });
    }
  }
  await page.setViewportSize(DESK);
}

test("a superuser adds a webhook, tests it, and sends a delivery again", async () => {
  const page = await browser.open("/", { reducedMotion: "reduce" });
  await logIn(page, "admin");
  await page.goto("/admin/webhooks");
  await page.getByText("No webhooks yet").waitFor();
  await press(page, "Add webhook");
  const form = dialog(page, "Add a webhook");
  await form.getByLabel("Name").fill("Ops");
  await form.getByLabel("Address").fill("http://me:pw@127.0.0.1/");
  await form.getByRole("checkbox", { name: "A balance became low" }).uncheck();
  await press(form, "Add");
  await form.getByText("Put no user name and no password into the address.").waitFor();
  await looksRight(page, "webhook form");
  await form.getByLabel("Address").fill(address);
  await press(form, "Add");

  const shown = dialog(page, "Secret of Ops");
  const secret = await shown.getByLabel("Secret").inputValue();
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  await looksRight(page, "webhook secret");
  await press(shown, "Done");
  await shown.waitFor({ state: "detached" });
  await page.reload();
  await page.getByText(address).waitFor();
  assert.ok(!(await page.content()).includes(secret));

  await press(page, "Send test Ops");
  await page.getByText("Ops accepted the test (1 attempt · status 204).").waitFor();
  assert.ok(isSignedBy(secret, receiver.received[0]));

  // An event that the receiver does not accept, and then does.
  receiver.status = 503;
  const user = await browser.open("/");
  await register(user, "mia");
  while (receiver.received.length < 2) await page.waitForTimeout(50);
  receiver.status = 204;
  await press(page, "Deliveries Ops");
  const log = dialog(page, "Deliveries to Ops");
  const created = log.getByRole("article", { name: /^user\.created msg_/ });
  await created.getByText(/attempts? · The receiver responded 503 Service Unavailable\./).waitFor();
  await press(created, "Payload");
  await created.getByText('"username": "mia"').waitFor();
  await looksRight(page, "webhook deliveries");
  await press(created, "Send again");
  while (receiver.received.length < 3) await page.waitForTimeout(50);
  await page.waitForTimeout(200);
  await press(log, "Refresh");
  await created.getByText(/status 204/).waitFor();
  assert.equal(receiver.received.at(-1).headers["webhook-id"], receiver.received[1].headers["webhook-id"]);
  await log.getByRole("button", { name: "Close" }).click();
  await log.waitFor({ state: "detached" });

  await press(page, "New secret Ops");
  await press(dialog(page, "New secret for Ops?"), "Create a secret");
  const next = await shown.getByLabel("Secret").inputValue();
  assert.notEqual(next, secret);
  await press(shown, "Done");
  await shown.waitFor({ state: "detached" });
  await press(page, "Send test Ops");
  await page.getByText("Ops accepted the test (1 attempt · status 204).").first().waitFor();
  while (!isSignedBy(next, receiver.received.at(-1))) await page.waitForTimeout(50);
  assert.ok(isSignedBy(secret, receiver.received.at(-1)), "the previous one signs too");

  await press(page, "Disable Ops");
  await page.getByRole("button", { name: "Enable Ops" }).waitFor();
  await looksRight(page, "webhooks");
  await press(page, "Delete Ops");
  await press(dialog(page, "Delete Ops?"), "Delete");
  await page.getByText("No webhooks yet").waitFor();
  await page.close();
  await user.close();
});

test("staff who are no superusers have no webhooks", async () => {
  const page = await browser.open("/");
  await logIn(page, "sue");
  await page.goto("/admin/webhooks");
  await page.getByText("This page is for superusers").waitFor();
  assert.equal(await page.getByRole("link", { name: "Webhooks" }).count(), 0);
  await page.close();
});
