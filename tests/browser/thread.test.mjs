// The thread and the composer: what is sent, how it is shown, and where the view is.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, balance, fits, holds, newest, saved, send, startBrowser, startServer } from "./support.mjs";
import { CHEAP, articles, ask, field, open, slow, stop, thread } from "./thread.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

const COUNTRIES = ["France", "Germany", "Liechtenstein"];
const COLUMNS = ["Country", "Capital", "Population", "Area", "Density", "Income", "Growth", "Currency", "Code", "Remark"];
const row = (name) =>
  `| ${[name, "Somewhere", "125,416,877", "643,801", "1,234.56", "2,937,473", "-1.25", "Euro", "FR-1234", "a remark of a few more words than the other cells have"].join(" | ")} |`;
const ANSWERS = {
  "a table": `| ${COLUMNS.join(" | ")} |\n|--|--|${"--:|".repeat(5)}${"--|".repeat(3)}\n${COUNTRIES.map(row).join("\n")}\n`,
  formulas: String.raw`Solve \( x = \frac{-b \pm \sqrt{d}}{2a} \) and

\[
\int_0^\infty e^{-x} dx
= 1
\]

and $$ y^2 $$ and \(\wrong{\). It costs $5 and $10.

${"```"}tex
\(in code\)
${"```"}
`,
  "wide formula": `A line with \\( ${Array.from({ length: 14 }, (_, at) => `a_{${at}} x_{${at}}`).join(" + ")} \\) in it.`,
  "wide diagram": `\`\`\`mermaid\ngraph LR\n${Array.from({ length: 8 }, (_, at) => `A${at}[Step number ${at}] --> A${at + 1}[Step number ${at + 1}]`).join("\n")}\n\`\`\`\n`,
  diagrams: "```mermaid\nflowchart LR\n  A[First] --> B[Second]\n```\n\nand\n\n```mermaid\nflowchart what is this\n```\n",
  code: `Here:\n\n${"```"}python\n${Array.from({ length: 60 }, (_, at) => `line_${at} = ${"1234567890 + ".repeat(at === 3 ? 20 : 1)}0`).join("\n")}\n${"```"}\n`,
  arabic: "مرحبا بك في هذا المكان.\n\n1. واحد\n2. اثنان\n",
};

let server, browser;
before(async () => {
  server = await startServer(CHEAP, { answers: ANSWERS });
  browser = await startBrowser(server.url);
});
after(async () => {
  await browser.close();
  await server.stop();
  assert.deepEqual(browser.wrong, [], "no request leaves this host, no script fails, the policy is kept");
});

/** How far the end of the thread is below its visible part. */
const hidden = (page) => thread(page).evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);

test("a table of ten columns scrolls sideways, and no word or number in it is split", async () => {
  const page = await open(browser, "tab", PHONE);
  await field(page).fill("a table");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await newest(page).getByText(/100 tokens/).waitFor();
  const box = page.getByRole("region", { name: "Table", exact: true });
  const split = await box.evaluate((element) => {
    const words = [];
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      for (const { 0: word, index } of node.data.matchAll(/\S+/g)) {
        const range = document.createRange();
        range.setStart(node, index);
        range.setEnd(node, index + word.length);
        if (range.getClientRects().length > 1) words.push(word);
      }
    }
    return words;
  });
  assert.deepEqual(split, []);
  const { scrollWidth, clientWidth, offsetHeight } = await box.evaluate(({ scrollWidth, clientWidth, offsetHeight }) => ({ scrollWidth, clientWidth, offsetHeight }));
  assert.ok(scrollWidth > clientWidth, "it scrolls");
  assert.ok(offsetHeight < 500, `it is ${offsetHeight} px high`);
  await fits(page, "a wide table");
  await accessible(page, "a wide table");
});

test("formulas are typeset, except in code, and money is none", async () => {
  const page = await open(browser, "tex");
  await ask(page, "formulas");
  await newest(page).locator(".katex").nth(2).waitFor();
  assert.equal(await newest(page).locator(".katex").count(), 3);
  assert.equal(await newest(page).locator(".katex-display").count(), 1);
  await newest(page).getByText("It costs $5 and $10.").waitFor();
  await newest(page).getByText("\\(in code\\)").waitFor();
  // What is wrong is shown as it was written.
  await newest(page).getByText("\\wrong{", { exact: true }).waitFor();
  assert.ok(await page.evaluate(() => document.fonts.ready.then((fonts) => [...fonts].some(({ family, status }) => family.includes("KaTeX_Main") && status === "loaded"))));
  await accessible(page, "formulas");
});

test("a diagram is drawn, and a wrong one stays its source", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const page = await open(browser, `dia${colorScheme}`, { colorScheme });
    await ask(page, "diagrams");
    const image = newest(page).getByRole("region", { name: "Diagram" }).locator("img");
    await image.waitFor();
    assert.ok(await image.evaluate((element) => element.decode().then(() => element.naturalWidth > 50)));
    await newest(page).getByText("what is this").waitFor();
    assert.equal(await image.count(), 1);
    await accessible(page, "a diagram");
    await newest(page).getByRole("button", { name: "Show the source" }).click();
    await newest(page).getByText("A[First]").waitFor();
    await newest(page).getByRole("button", { name: "Show the diagram" }).click();
    await image.waitFor();
  }
});

test("code wraps, downloads, and its bar stays in sight; so does that of one's own code", async () => {
  const page = await open(browser, "cod");
  await ask(page, "code");
  const code = newest(page).getByRole("region", { name: "Code, python" });
  await code.locator("span").first().waitFor();
  const wide = () => code.evaluate((element) => element.scrollWidth > element.clientWidth);
  assert.ok(await wide());
  await newest(page).getByRole("button", { name: "Wrap lines" }).click();
  assert.ok(!(await wide()));
  // The end is in sight, the start is not, and the bar is.
  assert.ok((await hidden(page)) < 48);
  const { name, text } = await saved(page, () => newest(page).getByRole("button", { name: "Download the code" }).click({ timeout: 2_000 }));
  assert.equal(name, "code.py");
  assert.match(text, /line_59/);
  const top = await thread(page).evaluate((element) => element.getBoundingClientRect().top);
  const bar = await newest(page).getByRole("button", { name: "Download the code" }).boundingBox();
  assert.ok(bar.y >= top && bar.y < top + 60, `the bar is at ${bar.y}`);

  await field(page).fill("why?\nlike this\n```js\nconst a = 1\n```");
  await field(page).press("Enter");
  await articles(page).nth(1).getByRole("region", { name: "Code, js" }).first().waitFor();
  await articles(page).nth(1).getByText("100 tokens").waitFor();
});

test("what is wide scrolls in itself on a phone, and is as large as it was made", async () => {
  const page = await open(browser, "wid", PHONE);
  await field(page).fill("wide formula");
  await page.getByRole("button", { name: /^Send/ }).click();
  await newest(page).locator(".katex").waitFor();
  await newest(page).getByText("100 tokens").waitFor();
  await field(page).fill("wide diagram");
  await page.getByRole("button", { name: /^Send/ }).click();
  const diagram = newest(page).getByRole("region", { name: "Diagram" });
  await diagram.locator("img").waitFor();
  const widths = await diagram.evaluate((box) => [box.scrollWidth, box.clientWidth, box.querySelector("img").naturalWidth]);
  assert.ok(widths[0] >= widths[2] && widths[2] > 2 * widths[1], widths.join());
  await accessible(page, "a wide diagram");
  const sizes = await thread(page).evaluate((box) => [box.scrollWidth, box.clientWidth]);
  assert.equal(sizes[0], sizes[1], "the thread does not scroll sideways");
});

test("right-to-left text is laid out so, in the message, the answer and the composer", async () => {
  const page = await open(browser, "ara");
  await ask(page, "arabic");
  const direction = (locator) => locator.evaluate((element) => getComputedStyle(element).direction);
  // Once it is formatted.
  await newest(page).getByRole("list").waitFor();
  assert.equal(await direction(newest(page).getByText("مرحبا")), "rtl");
  assert.equal(await direction(newest(page).getByRole("list")), "rtl");
  await field(page).fill("سؤال آخر");
  assert.equal(await direction(field(page)), "rtl");
  // Nothing of it is behind the button, which stays where it is.
  const side = await field(page).evaluate((element) => parseFloat(getComputedStyle(element).paddingRight));
  assert.ok(side >= 48, `${side} px`);
  await field(page).press("Enter");
  await articles(page).nth(1).getByText("100 tokens").waitFor();
  assert.equal(await direction(articles(page).nth(1).getByText("سؤال آخر").first()), "rtl");
  assert.equal(await direction(articles(page).first().getByText("arabic", { exact: true })), "ltr");
});

test("on a touch screen Enter begins a line, and the arrow sends", async () => {
  const page = await open(browser, "tou", PHONE);
  await field(page).fill("one");
  await field(page).press("Enter");
  await field(page).pressSequentially("two");
  assert.equal(await field(page).inputValue(), "one\ntwo");
  assert.equal(await field(page).getAttribute("enterkeyhint"), "enter");
  await page.getByRole("button", { name: "Send", exact: true }).tap();
  await newest(page).getByText("100 tokens").waitFor();
  assert.equal(await articles(page).count(), 1);
});

test("fifty fast answers never leave the end out of sight, until the user scrolls up", async () => {
  const page = await open(browser, "fol");
  for (let at = 0; at < 50; at++) {
    const text = at % 3 === 0 ? `say ${at}\n\n- list\n\n- ${"word ".repeat(60)}` : `say ${at} ${"word ".repeat(at % 5 === 0 ? 120 : 12)}`;
    await ask(page, text.trim());
    await page.waitForTimeout(60);
    assert.ok((await hidden(page)) < 48, `after ${at + 1} answers ${await hidden(page)} px are hidden`);
    assert.equal(await page.getByRole("button", { name: "Scroll to bottom" }).count(), 0);
  }
  await newest(page).getByLabel("Regenerate the answer").click();
  await stop(page).waitFor({ state: "detached" });
  await page.waitForTimeout(60);
  assert.ok((await hidden(page)) < 48, "after an answer in place of another");

  await send(page, slow(20));
  await newest(page).getByText("w0 w1").nth(1).waitFor();
  await thread(page).hover();
  await page.mouse.wheel(0, -400);
  await page.getByRole("button", { name: "Scroll to bottom" }).waitFor();
  const at = await thread(page).evaluate((box) => box.scrollTop);
  await stop(page).waitFor({ state: "detached" });
  assert.ok(Math.abs((await thread(page).evaluate((box) => box.scrollTop)) - at) < 400, "it stays about there");
  assert.ok((await hidden(page)) > 100);
  await page.getByRole("button", { name: "Scroll to bottom" }).click();
  assert.ok((await hidden(page)) < 48);
});

test("Escape stops the answer from anywhere, except where it closes something", async () => {
  const page = await open(browser, "esc");
  await ask(page, "first");
  await send(page, slow(60));
  await newest(page).getByText("w0 w1").nth(1).waitFor();
  await page.getByRole("button", { name: "Menu of this chat" }).click();
  await page.getByRole("menuitem", { name: "Delete…" }).click();
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await stop(page).waitFor();
  await articles(page).first().getByLabel("Copy the answer").focus();
  await page.keyboard.press("Escape");
  await stop(page).waitFor({ state: "detached" });
  await newest(page).getByText(/· stopped/).waitFor();
  await page.getByText("The answer was stopped.").waitFor({ state: "attached" });
});

test("dropped and pasted text files are inserted, and others are refused with a word", async () => {
  const page = await open(browser, "dro");
  const give = (kind, files) =>
    page.evaluate(
      ([kind, files]) => {
        const data = new DataTransfer();
        for (const { name, content } of files) data.items.add(new File([new Uint8Array(content)], name));
        const init = { bubbles: true, cancelable: true };
        const event =
          kind === "paste" ? new ClipboardEvent("paste", { ...init, clipboardData: data }) : new DragEvent(kind, { ...init, dataTransfer: data });
        const target = kind === "paste" ? document.querySelector("textarea") : document.querySelector("header");
        return !target.dispatchEvent(event);
      },
      [kind, files.map(([name, content]) => ({ name, content: [...Buffer.from(content)] }))],
    );
  await field(page).fill("Look: ");
  assert.ok(await give("dragover", [["notes.txt", "x"]]), "the browser must not open it");
  await page.getByPlaceholder("Drop text files here").waitFor();
  assert.ok(await give("drop", [["notes.txt", "some notes"]]));
  await holds(field(page), "Look: some notes");
  assert.ok(await give("paste", [["photo.png", Buffer.from([0x89, 0x50, 0xff])]]));
  await page.getByText("photo.png is not a text file. Other files are not supported yet.").waitFor();
  assert.ok(await give("drop", [["long.txt", "word ".repeat(20_000)]]));
  await page.getByText(/^long\.txt is too long to insert/).waitFor();
  assert.equal(await field(page).inputValue(), "Look: some notes");
});

test("the next message waits for the answer in progress, can be cancelled, and is sent once", async () => {
  const page = await open(browser, "que");
  await send(page, slow(8));
  await newest(page).getByText("w0 w1").nth(1).waitFor();
  await send(page, "not this");
  const waiting = page.getByRole("group", { name: "Waiting message" });
  await waiting.getByText("Will be sent when the answer ends").waitFor();
  await waiting.getByRole("button", { name: "Cancel" }).click();
  await holds(field(page), "not this");
  await send(page, "but this");
  await waiting.getByText("but this").waitFor();
  assert.equal(await field(page).inputValue(), "");
  await articles(page).nth(1).getByText("100 tokens").waitFor();
  await articles(page).nth(1).getByText("but this").nth(1).waitFor();
  assert.equal(await waiting.count(), 0);
  await balance(page).getByText("19,800").waitFor();

  // A reload neither loses nor sends it.
  await send(page, slow(8));
  await newest(page).getByText("w0 w1").nth(1).waitFor();
  await send(page, "later");
  await waiting.waitFor();
  await page.reload();
  await holds(field(page), "later");
  await stop(page).waitFor({ state: "detached" });
  await page.waitForTimeout(500);
  assert.equal(await articles(page).count(), 3);

  // After a failure it waits for the user.
  await page.route("**/graphql", (route) =>
    route.request().postData()?.includes('"later"') ? route.abort() : route.fallback(),
  );
  await send(page, slow(3));
  await newest(page).getByText("w0").nth(1).waitFor();
  await send(page, "later");
  await waiting.getByText("Not sent yet").waitFor();
  await page.unroute("**/graphql");
  await waiting.getByRole("button", { name: "Send now" }).click();
  await articles(page).nth(4).getByText("100 tokens").waitFor();
  await balance(page).getByText("19,500").waitFor();
});

test("a draft survives a reload, and the model that was used last is that of the next chat", async () => {
  const page = await open(browser, "dra");
  await field(page).fill("half a thought");
  await page.reload();
  await holds(field(page), "half a thought");
  await page.getByRole("combobox", { name: "Model" }).click();
  await page.getByRole("option", { name: /^cheap/ }).click();
  await field(page).press("Enter");
  await newest(page).getByText("10 tokens").waitFor();
  await page.goto("/");
  await holds(page.getByRole("combobox", { name: "Model" }), "cheap · 10 tokens a message");
  assert.equal(await field(page).inputValue(), "");
});

test("an answer that reached its length limit says so, and is continued", async () => {
  const page = await open(browser, "lim");
  await ask(page, "limited words");
  await newest(page).getByText("scripted · 100 tokens · the answer reached its length limit").waitFor();
  await accessible(page, "an answer that reached its limit");
  await newest(page).getByRole("button", { name: "Details of the answer" }).click();
  await page.getByRole("dialog", { name: "Details of the answer" }).getByText("Length limit reached").waitFor();
  await page.keyboard.press("Escape");
  await newest(page).getByRole("button", { name: "Continue" }).click();
  await newest(page).getByText("Continue exactly where your answer ended.").first().waitFor();
  await newest(page).getByText("scripted · 100 tokens", { exact: true }).waitFor();
  assert.equal(await newest(page).getByRole("button", { name: "Continue" }).count(), 0);
});

test("a conversation has a header, and an answer its details", async () => {
  const page = await open(browser, "hea");
  await ask(page, "first");
  await ask(page, "second");
  await page.getByText("200 tokens in this chat").waitFor();
  await page.getByRole("heading", { level: 1 }).getByRole("button", { name: "first" }).click();
  await page.getByLabel("Title of the conversation").fill("A better title");
  await page.keyboard.press("Enter");
  const title = page.getByRole("heading", { level: 1 }).getByRole("button", { name: "A better title" });
  await title.waitFor();
  await page.waitForFunction(() => document.activeElement?.textContent === "A better title");
  await page.getByRole("link", { name: /^A better title/ }).waitFor();

  await newest(page).getByRole("button", { name: "Details of the answer" }).click();
  const details = page.getByRole("dialog", { name: "Details of the answer" });
  for (const text of ["Model", "scripted", "Duration", "Input", "Output", "Charged"]) await details.getByText(text, { exact: true }).waitFor();
  await accessible(page, "the details of an answer");
  await page.keyboard.press("Escape");
  await details.waitFor({ state: "detached" });

  await page.getByRole("button", { name: "Menu of this chat" }).click();
  await page.getByRole("menuitem", { name: "Delete…" }).click();
  await page.getByText("Charges stay in your history.").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { name: "What can I help with?" }).waitFor();
  assert.equal(await page.getByRole("link", { name: /^A better title/ }).count(), 0);
});

test("the keyboard is enough", async () => {
  const page = await open(browser, "key", { permissions: ["clipboard-read", "clipboard-write"] });
  await ask(page, "the older one");
  await page.keyboard.press("Control+Shift+O");
  await page.getByRole("heading", { name: "What can I help with?" }).waitFor();
  await ask(page, "the newer one");
  await page.keyboard.press("Control+Shift+C");
  await page.getByText("Answer copied").waitFor();
  assert.equal((await page.evaluate(() => navigator.clipboard.readText())).trim(), "the newer one");

  // In an empty field.
  await page.keyboard.press("ArrowUp");
  await holds(page.getByLabel("Edit message"), "the newer one");
  await page.keyboard.press("Escape");
  await page.getByLabel("Edit message").waitFor({ state: "detached" });
  const focused = () => page.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Message");
  await focused();

  await page.keyboard.press("Alt+ArrowDown");
  await page.getByRole("heading", { level: 1, name: "the older one" }).waitFor();
  await page.keyboard.press("Alt+ArrowUp");
  await page.getByRole("heading", { level: 1, name: "the newer one" }).waitFor();
  await thread(page).focus();
  await page.keyboard.press("Shift+Escape");
  await focused();
  await page.keyboard.press("Control+/");
  const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await help.getByText("Copy the last answer").waitFor();
  await accessible(page, "the shortcuts");
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "detached" });
  await thread(page).focus();
  await page.keyboard.press("?");
  await help.waitFor();
});
