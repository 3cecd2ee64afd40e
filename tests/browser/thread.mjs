// What the tests of the chat page share: the parts of the page, and a user who asks.
import { register, send } from "./support.mjs";

export const field = (page) => page.getByLabel("Message", { exact: true });
export const thread = (page) => page.getByRole("region", { name: "Messages" });
export const articles = (page) => page.getByRole("article", { name: "Message and answer" });
export const stop = (page) => page.getByRole("button", { name: "Stop the answer" });

/** A message whose answer comes word by word. */
export const slow = (words) => `slow ${Array.from({ length: words }, (_, at) => `w${at}`).join(" ")}`;

/** Settings of a server with a second, cheap model, and many tokens for each user. */
export const CHEAP = `ledger.signup_grant = 20000
[models.cheap]
provider = "echo"
price = { per_message = 10 }`;

/** A page of a new user. */
export async function open(browser, name, options) {
  const page = await browser.open("/", options);
  await register(page, name);
  return page;
}

/** Sends a message, and waits for the end of its answer. */
export async function ask(page, text) {
  const before = await articles(page).count();
  await send(page, text);
  await articles(page).nth(before).getByText(/^\w+ · \d+ tokens?/).waitFor();
}
