// Takes the picture of the chat page for the README: light, on a desktop, with a short conversation.
//   node screenshot.mjs FILE

import assert from "node:assert/strict";
import { newest, register, send, startBrowser, startServer } from "./support.mjs";

const [file] = process.argv.slice(2);
assert.ok(file, "usage: node screenshot.mjs FILE");

const QUESTION = "What is the difference between TCP and UDP?";
const FOLLOW_UP = "Show me a UDP echo server in Python.";
const ANSWERS = {
  [QUESTION]: `Both carry data between programs, but they promise different things:

| | TCP | UDP |
| --- | --- | --- |
| Delivery | every byte, in order | best effort |
| Connection | handshake first | none |
| Typical use | web, mail, databases | calls, games, DNS |

**Rule of thumb:** choose TCP unless a late packet is worth less than a lost one.`,
  [FOLLOW_UP]: `Each datagram is answered to the address that it came from:

\`\`\`python
import socket

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 9999))
while True:
    data, address = server.recvfrom(2048)
    server.sendto(data, address)
\`\`\``,
};
/** Earlier conversations, for the list beside it. */
const EARLIER = ["Plan a week of vegetarian dinners", "Explain compound interest to a teenager", "Draft a thank-you note to a colleague"];

const server = await startServer("", { name: "assistant", answers: ANSWERS });
const browser = await startBrowser(server.url);
try {
  const page = await browser.open("/", { colorScheme: "light", reducedMotion: "reduce", deviceScaleFactor: 2 });
  await register(page, "mia");
  for (const [first, ...more] of [...EARLIER.map((message) => [message]), [QUESTION, FOLLOW_UP]]) {
    await page.goto("/");
    for (const message of [first, ...more]) {
      await send(page, message);
      await newest(page).getByText(message).first().waitFor();
      await newest(page).getByText("100 tokens").waitFor();
    }
  }
  // The code is coloured a moment after it is there.
  await newest(page).locator("pre span").first().waitFor();
  await page.waitForLoadState("networkidle");
  await page.screenshot({ path: file, animations: "disabled", caret: "hide" });
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails");
} finally {
  await browser.close();
  await server.stop();
}
console.log(file);
