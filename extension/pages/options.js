// Assumptions, grid, PUE, and further pages.

import { assumptions, grids, product } from "../model/data.js";
import { CASES } from "../model/estimate.js";
import { allServices, modelOf, readSettings, refused, refusedService, writeSettings } from "../model/settings.js";
import { element, main, paragraph, ready } from "./page.js";

const choice = (options, chosen) =>
  element("select", {}, ...options.map(([value, text]) => element("option", { value, selected: value === chosen }, text)));
const labelled = (text, input) => element("label", {}, text, input);
const said = (text, good = true) => {
  const line = document.getElementById("said");
  line.textContent = text;
  line.className = good ? "" : "bad";
};

async function save(settings) {
  await writeSettings(settings);
  said("Saved.");
}

function general(settings) {
  const badge = element("input", { type: "checkbox", checked: settings.badge });
  badge.addEventListener("change", () => save({ ...settings, badge: (settings.badge = badge.checked) }));
  const grid = choice([...grids.map((one) => [one.key, `${one.name}: ${one.gco2e_per_kwh} g/kWh (${one.source})`]), ["own", "my own number"]], settings.grid);
  const own = element("input", { type: "number", min: 0, max: 3000, step: "any", value: settings.ownGrid ?? "" });
  const pue = element("input", { type: "number", min: 1, max: 5, step: "any", value: settings.pue ?? "" });
  const keep = () => {
    const number = (input) => (input.value.trim() === "" ? null : input.valueAsNumber);
    if (!own.checkValidity() || !pue.checkValidity()) return said("The grid lies between 0 and 3,000 g/kWh, the PUE between 1 and 5.", false);
    if (grid.value === "own" && own.value.trim() === "") return said("Give your own number of grams.", false);
    return save(Object.assign(settings, { grid: grid.value, ownGrid: number(own), pue: number(pue) }));
  };
  own.addEventListener("change", () => { if (own.value.trim() !== "") grid.value = "own"; }); // who types it means it
  for (const input of [grid, own, pue]) input.addEventListener("change", keep);
  return element("fieldset", {}, element("legend", {}, "Grid and site"),
    labelled("CO2e of a kilowatt-hour", grid), labelled("My own number, g CO2e per kWh", own),
    labelled(`PUE: energy of the site over that of its computers; empty for the published spread, ${product.pue.p5} to ${product.pue.p95}`, pue),
    element("label", { class: "check" }, badge, "Show the figure in pages"));
}

function models(settings) {
  const rows = allServices(settings).map((service) => {
    const options = [...assumptions.models.map((one) => [one.key, one.name]), ...(settings.own ? [["own", "Your own assumption, below"]] : [])];
    const source = paragraph("", "faint");
    const select = choice(options, modelOf(settings, service).key);
    const tell = () => { source.textContent = modelOf(settings, service).source; };
    select.addEventListener("change", async () => {
      settings.assumption = { ...settings.assumption, [service.key]: select.value };
      tell();
      await save(settings);
    });
    tell();
    return element("div", {}, labelled(service.name, select), element("details", {}, element("summary", {}, `Why this for ${service.name}`), source));
  });
  return element("fieldset", {}, element("legend", {}, "Which model each service is taken for"),
    paragraph("Services do not say what answers you. Each is taken for a model in three cases; the interval reaches from the low to the high one."), ...rows,
    paragraph(assumptions.serving.source, "faint"));
}

function ownModel(settings) {
  const shapes = product.predictor.shapes.map((one) => [one.name, one.name]), machines = product.predictor.machines.map((one) => [one.name, one.name]);
  const start = settings.own ?? assumptions.models[0];
  const fields = CASES.map((name) => {
    const at = start[name];
    const inputs = {
      shape: choice(shapes, at.shape), machine: choice(machines, at.machine),
      boards: element("input", { type: "number", min: 1, max: 1024, value: at.boards }),
      batch: element("input", { type: "number", min: 1, max: 4096, value: at.batch }),
      weight_bytes: choice([["0.5", "0.5 (4 bit)"], ["1", "1 (8 bit)"], ["2", "2 (16 bit)"], ["4", "4 (32 bit)"]], String(at.weight_bytes)),
    };
    const words = { shape: "model", machine: "board", boards: "boards", batch: "batch", weight_bytes: "bytes of a weight" };
    return { name, inputs, drawn: element("div", { class: "row", role: "group", "aria-label": `${name} case` },
      ...Object.entries(inputs).map(([field, input]) => labelled(`${name}: ${words[field]}`, input))) };
  });
  const keep = element("button", { type: "button" }, "Save my assumption");
  keep.addEventListener("click", async () => {
    const own = Object.fromEntries(fields.map(({ name, inputs }) => [name, {
      shape: inputs.shape.value, machine: inputs.machine.value, boards: inputs.boards.valueAsNumber,
      batch: inputs.batch.valueAsNumber, weight_bytes: Number(inputs.weight_bytes.value),
    }]));
    for (const name of CASES) {
      const problem = refused(own[name]);
      if (problem) return said(`${name}: ${problem}`, false);
    }
    settings.own = own;
    await save(settings);
    draw(settings, "Saved. Choose it for a service above.");
  });
  return element("fieldset", {}, element("legend", {}, "An assumption of your own"),
    paragraph("Sizes such as 70 B are typical models of that size. Batch: how many requests the boards answer at once."),
    ...fields.map((one) => one.drawn), element("div", { class: "tools" }, keep));
}

function pages(settings) {
  const entries = { name: "Name", pattern: "Address, such as https://chat.example.org/*", user: "CSS selector of a prompt",
    answer: "CSS selector of an answer", ignore: "CSS selector of what is no text (buttons, icons)",
    chat: "Regular expression that finds the chat in the address; empty for the whole path", id: "Attribute that names a turn, if there is one" };
  const inputs = Object.fromEntries(Object.keys(entries).map((key) => [key, element("input", { type: "text", id: `page-${key}`, spellcheck: "false" })]));
  inputs.ignore.value = "button, svg, style, script";
  const add = element("button", { type: "button", id: "page-add" }, "Allow and add");
  add.addEventListener("click", async () => {
    const service = Object.fromEntries(Object.entries(inputs).map(([key, input]) => [key, input.value.trim()]));
    const problem = refusedService(service);
    if (problem) return said(problem, false);
    if (!(await chrome.permissions.request({ permissions: ["scripting"], origins: [service.pattern] }))) return said("Not allowed, not added.", false);
    settings.services = [...settings.services, { ...service, key: `page-${crypto.randomUUID().slice(0, 8)}`, assumption: "undisclosed" }];
    await save(settings);
    draw(settings, "Added. Reload the page where it is open.");
  });
  const known = settings.services.map((service) => {
    const remove = element("button", { type: "button", class: "danger" }, `Remove ${service.name}`);
    remove.addEventListener("click", async () => {
      settings.services = settings.services.filter((one) => one.key !== service.key);
      await save(settings);
      if (!settings.services.some((one) => one.pattern === service.pattern)) await chrome.permissions.remove({ origins: [service.pattern] }).catch(() => {});
      draw(settings, "Removed.");
    });
    return element("p", {}, `${service.name}, ${service.pattern} `, remove);
  });
  return element("fieldset", {}, element("legend", {}, "Further pages"),
    paragraph("The browser asks you before this extension may read a page that you add."), ...known,
    ...Object.entries(entries).map(([key, text]) => labelled(text, inputs[key])), element("div", { class: "tools" }, add));
}

function draw(settings, words = "") {
  main().replaceChildren(
    element("h1", {}, "Options of the energy estimate"),
    element("p", { id: "said", role: "status" }, words),
    models(settings), general(settings), ownModel(settings), pages(settings),
    element("a", { href: "insights.html" }, "Insights"),
    paragraph(`Computed with: ${product.predictor.fitted_on.says}.`, "faint"),
  );
  ready();
}

draw(await readSettings());
