// What the user chose, checked when it is read: storage may hold what another version wrote.

import { assumptions, grids, listedServices, product } from "./data.js";
import { CASES } from "./estimate.js";

const KEY = "settings";
const WIDTHS = [0.5, 1, 2, 4];

export const DEFAULTS = Object.freeze({
  badge: true,
  grid: "world", // a key of `grids`, or "own"
  ownGrid: null, // g CO2e per kWh
  pue: null, // one number instead of the published spread
  assumption: {}, // service key: model key, or "own"
  own: null, // {low, likely, high}, as in assumptions.json
  services: [], // pages that the user added, as in services.json, with `pattern`
});

const between = (value, low, high) => typeof value === "number" && value >= low && value <= high;

// Why a deployment cannot be, in a sentence; null where it can.
export function refused(deployment) {
  const shape = product.predictor.shapes.find((one) => one.name === deployment?.shape);
  const machine = product.predictor.machines.find((one) => one.name === deployment?.machine);
  if (!shape || !machine) return "Choose a model and a board from the lists.";
  const { boards, batch, weight_bytes: width } = deployment;
  if (!Number.isInteger(boards) || !between(boards, 1, 1024)) return "Boards must be a whole number from 1 to 1024.";
  if (!Number.isInteger(batch) || !between(batch, 1, 4096)) return "Batch must be a whole number from 1 to 4096.";
  if (!WIDTHS.includes(width)) return "Bytes of a weight are 0.5, 1, 2 or 4.";
  const weights = shape.parameters * width, memory = boards * (0.9 * machine.memory_bytes - 1.5e9);
  if (weights >= memory) {
    const needed = Math.ceil(weights / (0.9 * machine.memory_bytes - 1.5e9));
    return `${shape.name} does not fit: give ${needed} boards or more, or fewer bytes per weight.`;
  }
  return null;
}

// Why a page cannot be added, in a sentence; null where it can.
export function refusedService(service) {
  const text = (value, most) => typeof value === "string" && value.length <= most;
  if (!text(service?.name, 60) || !service.name.trim()) return "Give the page a name of at most 60 characters.";
  if (!text(service.pattern, 200) || !/^https?:\/\/[\w.-]+(:\d+)?\/\*$/.test(service.pattern)) {
    return "The address must look like https://chat.example.org/*.";
  }
  for (const name of ["user", "answer"]) {
    if (!text(service[name], 300) || !service[name].trim()) return "Give a selector of prompts and one of answers.";
  }
  for (const name of ["user", "answer", "ignore"]) {
    try {
      if (service[name] && globalThis.document) document.createDocumentFragment().querySelector(service[name]);
    } catch {
      return `"${service[name]}" is no CSS selector.`;
    }
  }
  try {
    new RegExp(service.chat ?? "");
  } catch {
    return "The pattern of a chat's address is no regular expression.";
  }
  if (!text(service.chat ?? "", 200) || !text(service.id ?? "", 60) || !text(service.ignore ?? "", 300)) return "An entry is too long.";
  return null;
}

function checked(raw) {
  const found = { ...DEFAULTS };
  if (typeof raw !== "object" || raw === null) return found;
  found.badge = raw.badge !== false;
  if (raw.grid === "own" || grids.some((one) => one.key === raw.grid)) found.grid = raw.grid;
  if (between(raw.ownGrid, 0, 3000)) found.ownGrid = raw.ownGrid;
  if (between(raw.pue, 1, 5)) found.pue = raw.pue;
  if (raw.own && CASES.every((name) => refused(raw.own[name]) === null)) found.own = raw.own;
  if (Array.isArray(raw.services)) found.services = raw.services.filter((one) => refusedService(one) === null).slice(0, 50);
  const known = new Set([...assumptions.models.map((one) => one.key), ...(found.own ? ["own"] : [])]);
  found.assumption = Object.fromEntries(Object.entries(raw.assumption ?? {}).filter(([, key]) => known.has(key)));
  return found;
}

export async function readSettings() {
  return checked((await chrome.storage.local.get(KEY))[KEY]);
}

export async function writeSettings(settings) {
  await chrome.storage.local.set({ [KEY]: checked(settings) });
}

export const isSettings = (changes) => KEY in changes;

export const allServices = (settings) => [...listedServices, ...settings.services];

// The model assumed for a service: {key, name, low, likely, high, source}.
export function modelOf(settings, service) {
  const key = settings.assumption[service.key] ?? service.assumption ?? "undisclosed";
  if (key === "own") return { key, name: "Your own assumption", ...settings.own, source: "yours" };
  return assumptions.models.find((one) => one.key === key) ?? assumptions.models[0];
}

export function gridOf(settings) {
  if (settings.grid === "own" && settings.ownGrid !== null) {
    return { key: "own", name: "your own", gco2e_per_kwh: settings.ownGrid, source: "yours" };
  }
  return grids.find((one) => one.key === settings.grid) ?? grids[0];
}

export const pueOf = (settings) => (settings.pue === null ? product.pue : { p5: settings.pue, p95: settings.pue });
