// Checks of a page as it is shown. Each returns what is wrong.
import { AxeBuilder } from "@axe-core/playwright";

/** The findings of axe-core, all of them. */
export async function axeFindings(page) {
  // What opens above a page belongs to no region of it.
  const isCovered = await page.evaluate(() =>
    [...document.querySelectorAll("[data-portal] *")].some((element) => element.offsetHeight > 0),
  );
  // There are no frames, so a second page to put their findings together is not needed.
  const axe = new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ["violations"] });
  const { violations } = await (isCovered ? axe.disableRules("region") : axe).analyze();
  return violations.map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(({ html }) => html.slice(0, 150)).join(" | ")}`);
}

/** What makes the page wider than the screen. */
export async function tooWide(page) {
  const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  return wide > screen ? [`sticks out: ${wide} of ${screen}`] : [];
}

/** What is pressed or filled in and has no 44 px around its middle, but links in a sentence. */
export function tooSmall(page) {
  return page.evaluate(() => {
    const found = [];
    const above = "[role=dialog], [role=menu]";
    const isTop = (element) => !document.querySelector(above) || element.closest(above);
    const selector = `:is(main, header, nav, ${above}) :is(button, input, textarea), :is(header, nav) a`;
    for (const element of document.querySelectorAll(selector)) {
      const { width, height } = element.getBoundingClientRect();
      if (width < 2 || height < 2 || element.disabled || !isTop(element)) continue;
      if (element.parentElement.tagName === "SPAN" || element.className === "skip-link") continue;
      element.scrollIntoView({ block: "center", inline: "center" });
      const { x, y } = element.getBoundingClientRect();
      const missed = [[0, -21], [0, 21], [-21, 0], [21, 0]].filter(([across, down]) => {
        const hit = document.elementFromPoint(x + width / 2 + across, y + height / 2 + down);
        // It goes away when the end is in sight, and that is after this.
        if (hit?.closest("[aria-label='Scroll to bottom']")) return false;
        return !(hit && (element.contains(hit) || hit.contains(element) || hit.closest("label")?.control === element));
      });
      if (missed.length > 0) found.push(`too small at ${missed.join(" and ")}: ${element.ariaLabel ?? element.innerText} ${element.outerHTML.slice(0, 60)}`);
    }
    return found;
  });
}

/** Fields that iOS zooms to, and parts that scroll sideways, but tables, code and formulas of answers. */
export function unfitForPhones(page) {
  return page.evaluate(() => {
    const fields = [...document.querySelectorAll("main :is(input:not([type=checkbox]), textarea)")];
    const small = fields.filter((field) => field.offsetWidth > 1 && parseFloat(getComputedStyle(field).fontSize) < 16);
    const scrolls = ({ overflowX }) => ["auto", "scroll"].includes(overflowX);
    const wide = [...document.querySelectorAll("main *")].filter(
      (element) =>
        element.scrollWidth > element.clientWidth + 1 && scrolls(getComputedStyle(element)) && !element.closest("article"),
    );
    return [...small, ...wide].map((element) => `unfit for phones: ${element.outerHTML.slice(0, 120)}`);
  });
}
