// A server with something on every page: answers of all kinds, a failed one, API keys, credits with reasons.
import assert from "node:assert/strict";
import { complete, makeKey, newest, register, send, startBrowser, startServer } from "./support.mjs";

export const DESK = { viewport: { width: 1280, height: 800 } };
export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

export const ANSWERS = {
  "show code": "Here:\n\n```python\nprint('a line of code that is rather long, longer than a phone is wide')\n```\n\nand `inline`.",
  "show a table": `|${" Column |".repeat(8)}\n|${"--|".repeat(8)}\n|${" 125,416 |".repeat(8)}\n`,
  "show a formula": String.raw`Inline \( x^2 \) and

\[
\int_0^\infty e^{-x} dx = 1
\]
`,
  "show a diagram": "```mermaid\nflowchart LR\n  A[First] --> B[Second]\n```\n",
  "show lists": "- [x] done\n- [ ] to do\n\n1. one\n2. two\n\n> quoted\n\n## A heading\n\n[a link](https://jeton.example)",
};
const MESSAGES = [...Object.keys(ANSWERS), "fail please", "word ".repeat(150).trim()];

/** Starts the server and a browser; its user has this name. */
export async function startSeeded(name, settings = "") {
  const server = await startServer(`ledger.signup_grant = 20000\n${settings}`, { answers: ANSWERS });
  const browser = await startBrowser(server.url);
  const page = await browser.open("/");
  await register(page, name);
  for (const message of MESSAGES) {
    await send(page, message);
    await newest(page).getByText(message.slice(0, 12)).first().waitFor();
    await newest(page).getByText(/· \d+ tokens/).waitFor();
  }
  const { secret, dialog } = await makeKey(page, name);
  await dialog.getByRole("button", { name: "Done", exact: true }).click();
  assert.equal((await complete(server.url, secret)).status, 200);
  server.run("user", "grant", name, "50", "--reason", "reason ".repeat(20));
  await page.context().close();
  return { server, browser };
}

/** Waits for a page with all that it loads. */
export async function settle(page) {
  await page.getByRole("heading", { level: 1 }).first().waitFor();
  await page.waitForLoadState("networkidle");
  await page.getByLabel("Loading").first().waitFor({ state: "detached" });
}
