// The last answer and the chat of the tab behind, and what today took.

import { assumptions } from "../model/data.js";
import { sum, tokensOf } from "../model/estimate.js";
import { readAll, readOne } from "../model/ledger.js";
import { Pricing } from "../model/pricing.js";
import { isSettings, writeSettings } from "../model/settings.js";
import { compared, range, tokens } from "../model/words.js";
import { BOUNDARY, element, main, paragraph, ready } from "./page.js";

async function chatOfTab() {
  const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
  const names = await chrome.storage.session.get([`tab:${tab?.id}`, "latest"]);
  const name = names[`tab:${tab?.id}`] ?? names.latest;
  return name ? { chat: await readOne(name), here: `tab:${tab?.id}` in names } : { chat: null, here: false };
}

function aboutChat(priced, chat, here) {
  const last = chat.answers.at(-1), total = priced.total(chat.service, chat.answers);
  const service = priced.service(chat.service), model = priced.model(chat.service);
  return [
    element("h1", {}, here ? `Last chat in this tab, with ${service.name} (estimate)` : `Last chat, with ${service.name} (estimate)`),
    paragraph(range(total.wh, "Wh"), "figure"),
    paragraph(`${range(total.gco2e, "g")} CO2e, estimate; grid: ${priced.grid.name}`),
    paragraph(`${total.answers} answer${total.answers === 1 ? "" : "s"}, ${tokens(total.tokens)}; last answer: estimate ${range(priced.wh(chat.service, last), "Wh")}, ${tokens(tokensOf(last))}`),
    element("h2", {}, "As much as (estimate)"),
    element("ul", {}, ...compared(assumptions.comparisons, total.wh, total.gco2e).map((one) => element("li", {}, one))),
    paragraph(`Assumed: ${model.name}. ${Math.round(100 * priced.serving.cached_share)} % of earlier turns are assumed to come from a cache.`, "faint"),
  ];
}

async function draw() {
  const priced = await Pricing.read();
  const { chat, here } = await chatOfTab();
  const today = new Date().toDateString();
  const totals = (await readAll()).map(({ service, answers }) =>
    priced.total(service, answers.filter((one) => one.at !== null && new Date(one.at).toDateString() === today)));
  const wh = sum(totals.map((one) => one.wh));
  const count = totals.reduce((all, one) => all + one.answers, 0);
  const badge = element("input", { type: "checkbox", checked: priced.settings.badge });
  badge.addEventListener("change", () => writeSettings({ ...priced.settings, badge: badge.checked }));
  main().replaceChildren(
    ...(chat?.answers.length
      ? aboutChat(priced, chat, here)
      : [element("h1", {}, "Energy of this chat (estimate)"),
         paragraph("Nothing was counted yet. Open a chat, or reload one that was open before this extension was installed.")]),
    element("h2", {}, "Today, all services (estimate)"),
    paragraph(count ? `${range(wh, "Wh")}, ${count} answer${count === 1 ? "" : "s"}` : "No answers yet."),
    element("label", { class: "check" }, badge, "Show the figure in pages"),
    element("div", {},
      element("a", { href: "insights.html", target: "_blank" }, "Insights"),
      element("a", { href: "options.html", target: "_blank" }, "Assumptions and options")),
    paragraph(BOUNDARY, "faint"),
  );
  ready();
}

let again = 0;
chrome.storage.onChanged.addListener((changes) => {
  if (isSettings(changes)) return; // the box in this page
  clearTimeout(again);
  again = setTimeout(draw, 500);
});
draw();
