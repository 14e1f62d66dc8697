// All chats by day and by service; export and deletion.

import { assumptions } from "../model/data.js";
import { sum } from "../model/estimate.js";
import { deleteAll, readAll } from "../model/ledger.js";
import { Pricing } from "../model/pricing.js";
import { compared, count, digits, range } from "../model/words.js";
import { BOUNDARY, element, main, paragraph, ready, table } from "./page.js";

const DAYS = 30; // drawn; the table has all
const dayOf = (at) => {
  if (at === null) return "before";
  const date = new Date(at);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((one) => String(one).padStart(2, "0")).join("-");
};

// Totals by day (or "before") and service, in the order of days.
export function grouped(priced, chats) {
  const found = new Map();
  for (const { service, answers } of chats) {
    for (const answer of answers) {
      const name = `${dayOf(answer.at)} ${service}`;
      if (!found.has(name)) found.set(name, { day: dayOf(answer.at), service, answers: [] });
      found.get(name).answers.push(answer);
    }
  }
  return [...found.values()]
    .map(({ day, service, answers }) => ({
      day, service, name: priced.service(service).name, prompt: answers.reduce((all, one) => all + one.fresh, 0),
      ...priced.total(service, answers),
    }))
    .sort((a, b) => (a.day === b.day ? a.name.localeCompare(b.name) : a.day < b.day ? 1 : -1));
}

function merged(rows, field) {
  const found = new Map();
  for (const row of rows) found.set(row[field], [...(found.get(row[field]) ?? []), row]);
  return [...found].map(([name, members]) => ({
    name, answers: members.reduce((all, one) => all + one.answers, 0), tokens: sum(members.map((one) => one.tokens)),
    wh: sum(members.map((one) => one.wh)), gco2e: sum(members.map((one) => one.gco2e)),
  }));
}

// One point with its interval per day, on a logarithmic scale: intervals reach over more than a factor of ten.
function picture(days) {
  const drawn = days.filter((one) => one.name !== "before" && one.wh.low > 0).slice(0, DAYS).reverse();
  if (!drawn.length) return [];
  const svg = (name, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return made;
  };
  const width = 480, height = 220, left = 70, top = 20, ground = 190;
  const least = Math.floor(Math.log10(Math.min(...drawn.map((one) => one.wh.low))));
  const most = Math.ceil(Math.log10(Math.max(...drawn.map((one) => one.wh.high))));
  const y = (value) => ground - ((Math.log10(value) - least) / Math.max(1, most - least)) * (ground - top);
  const step = Math.min(40, (width - left) / drawn.length);
  const label = `Estimated energy of the last ${drawn.length} days with answers; the table below holds the same figures.`;
  const made = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (let power = least; power <= most; power += 1) {
    made.append(svg("line", { x1: left, y1: y(10 ** power), x2: width, y2: y(10 ** power), class: "axis" }));
    made.append(svg("text", { x: left - 6, y: y(10 ** power) + 4, "text-anchor": "end" }, `${digits(10 ** power)} Wh`));
  }
  drawn.forEach((one, place) => {
    const middle = left + (place + 0.5) * step;
    made.append(svg("line", { x1: middle, y1: y(one.wh.low), x2: middle, y2: y(one.wh.high) }));
    made.append(svg("circle", { cx: middle, cy: y(one.wh.value), r: 4.5 }));
    if (place % 5 === 0) made.append(svg("text", { x: middle, y: ground + 18, "text-anchor": "middle" }, one.name.slice(5)));
  });
  return [paragraph("Estimate and interval of each day; every line of the scale is ten times the one below.", "faint"), made];
}

// A spreadsheet takes text that begins like a formula for one.
const cell = (value) => {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const COLUMNS = [
  ["day", (one) => one.day], ["service", (one) => one.name], ["answers", (one) => one.answers],
  ["estimated_prompt_tokens", (one) => Math.round(one.prompt)], ...["value", "low", "high"].map((part) => [`estimated_answer_tokens_${part}`, (one) => Math.round(one.tokens[part])]),
  ...["value", "low", "high"].map((part) => [`estimated_wh_${part}`, (one) => Number(one.wh[part].toPrecision(7))]),
  ...["value", "low", "high"].map((part) => [`estimated_gco2e_${part}`, (one) => Number(one.gco2e[part].toPrecision(7))]),
];
export const csv = (rows) =>
  [COLUMNS.map(([name]) => name), ...rows.map((row) => COLUMNS.map(([, of]) => of(row)))].map((line) => line.map(cell).join(",")).join("\r\n") + "\r\n";

const json = (priced, chats, rows) => JSON.stringify({
  what: "estimates of the energy of AI chats, not measurements", boundary: BOUNDARY, grid: priced.grid, pue: priced.pue,
  assumptions: Object.fromEntries([...new Set(chats.map((one) => one.service))].map((key) => [key, priced.model(key)])),
  serving: priced.serving,
  totals: rows.map((row) => Object.fromEntries(COLUMNS.map(([name, of]) => [name, of(row)]))),
  answers: chats.flatMap(({ service, name, answers }) => answers.map((one) => ({ service, chat: name, ...one }))),
}, null, 1);

function download(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function deletion() {
  const dialog = element("dialog", { "aria-labelledby": "sure" },
    element("h2", { id: "sure" }, "Delete everything that was counted?"),
    paragraph("This cannot be undone. Export first what you want to keep. Your options stay."));
  const no = element("button", { type: "button", autofocus: true }, "Keep");
  const yes = element("button", { type: "button", class: "danger" }, "Delete");
  no.addEventListener("click", () => dialog.close());
  yes.addEventListener("click", async () => {
    await deleteAll();
    dialog.close();
    await draw();
  });
  dialog.append(element("div", { class: "tools" }, no, yes));
  return dialog;
}

async function draw() {
  const priced = await Pricing.read();
  const chats = await readAll();
  const rows = grouped(priced, chats), days = merged(rows, "day"), services = merged(rows, "name");
  const total = sum(rows.map((one) => one.wh)), gco2e = priced.grams(total);
  const figures = (one) => [one.name === "before" ? "before it was watched" : one.name, range(one.wh, "Wh"), range(one.gco2e, "g"), String(one.answers), count(one.tokens)];
  const heads = ["energy (interval), estimate", "CO2e (interval), estimate", "answers", "tokens of answers, estimate"];
  const button = (text, then, kind) => {
    const made = element("button", { type: "button", ...(kind ? { class: kind } : {}), disabled: !rows.length }, text);
    made.addEventListener("click", then);
    return made;
  };
  const dialog = deletion();
  const date = dayOf(Date.now());
  const models = [...new Set(chats.map((one) => one.service))].map((key) => `${priced.service(key).name}: ${priced.model(key).name}. ${priced.model(key).source}`);
  main().replaceChildren(
    element("h1", {}, "Energy of your chats (estimate)"),
    ...(rows.length
      ? [paragraph(range(total, "Wh"), "figure"),
         paragraph(`${range(gco2e, "g")} CO2e, estimate; grid: ${priced.grid.name}, ${priced.grid.gco2e_per_kwh} g/kWh`),
         element("h2", {}, "As much as (estimate)"),
         element("ul", {}, ...compared(assumptions.comparisons, total, gco2e).map((one) => element("li", {}, one))),
         element("h2", {}, "By day"), ...picture(days), table("By day, estimates", ["day", ...heads], days.map(figures)),
         element("h2", {}, "By service"), table("By service, estimates", ["service", ...heads], services.map(figures)),
         element("h2", {}, "Assumed"), element("ul", {}, ...models.map((one) => element("li", {}, one)))]
      : [paragraph("Nothing was counted yet.")]),
    paragraph(BOUNDARY, "faint"),
    paragraph("Everything here is kept in this browser: counts of tokens and times, no text, no titles, no addresses.", "faint"),
    element("div", { class: "tools" },
      button("Export CSV", () => download(`chats-estimate-${date}.csv`, csv(rows), "text/csv")),
      button("Export JSON", () => download(`chats-estimate-${date}.json`, json(priced, chats, rows), "application/json")),
      button("Delete all", () => dialog.showModal(), "danger")),
    paragraph("", "faint"), element("a", { href: "options.html" }, "Assumptions and options"),
    dialog,
  );
  ready();
}

draw();
