// Between pages and storage: says which service a page is, keeps what was counted, answers with figures in words.

import { assumptions, listedServices, tokens as weights } from "./model/data.js";
import { tokensOf } from "./model/estimate.js";
import { answerOf, entryOf, keep, nameOf } from "./model/ledger.js";
import { Pricing } from "./model/pricing.js";
import { allServices, isSettings, readSettings } from "./model/settings.js";
import { compared, range, tokens } from "./model/words.js";

const MOST_AT_ONCE = 5000; // answers in one message
const UNSEEN = "Estimate from the visible text. Hidden reasoning, system prompts, files, images and tools are not counted.";

const NONE = { chat: null, name: null, kept: [], tab: null };
let latest = NONE; // so that an answer that only grows asks storage for nothing
let pricing = null;
chrome.storage.onChanged.addListener((changes, area) => {
  if (isSettings(changes)) pricing = null;
  if (area === "local" && Object.values(changes).some((one) => !("newValue" in one))) latest = NONE;
});
const currentPricing = async () => (pricing ??= await Pricing.read());

function serviceAt(settings, address) {
  const { hostname, origin } = new URL(address);
  return listedServices.find((one) => one.hosts.includes(hostname))
    ?? settings.services.find((one) => one.pattern === `${origin}/*`) ?? null;
}

async function hello(sender) {
  const service = serviceAt(await readSettings(), sender.url);
  return service && { service, tokens: weights };
}

async function seen({ chat, was, answers, live }, sender) {
  const priced = await currentPricing();
  const service = serviceAt(priced.settings, sender.url);
  if (!service || typeof chat !== "string" || !Array.isArray(answers)) return null;
  const full = `${service.key}/${chat.slice(0, 500)}`;
  const name = latest.chat === full ? latest.name : await nameOf(full);
  const before = typeof was === "string" ? await nameOf(`${service.key}/${was.slice(0, 500)}`) : null;
  const told = answers.length > 0 || before !== null || latest.name !== name;
  const kept = told ? await keep(name, before, service.key, answers.slice(0, MOST_AT_ONCE), Date.now()) : latest.kept;
  const entry = live && entryOf(live, null);
  const all = entry ? [...kept.filter((one) => one.key !== live.replaces), answerOf(entry)] : kept; // one that goes on
  if (!all.length) return null;
  if (told || latest.tab !== sender.tab.id) await chrome.storage.session.set({ [`tab:${sender.tab.id}`]: name, latest: name });
  latest = { chat: full, name, kept, tab: sender.tab.id };
  return { show: priced.settings.badge ? words(priced, service, all) : null };
}

function words(priced, service, all) {
  const last = all.at(-1), wh = priced.wh(service.key, last);
  const chat = priced.total(service.key, all);
  return {
    short: `≈ ${range(chat.wh, "Wh")}, estimate`,
    lines: [
      ["Last answer, estimate", `${range(wh, "Wh")}, ${tokens(tokensOf(last))}`],
      [`This chat, estimate`, `${range(chat.wh, "Wh")}, ${all.length} answer${all.length === 1 ? "" : "s"}, ${tokens(chat.tokens)}`],
      ["CO2e, estimate", `${range(chat.gco2e, "g")}, grid: ${priced.grid.name}`],
      ["As much as", compared(assumptions.comparisons.slice(0, 1), chat.wh, chat.gco2e)[0]],
      ["Assumed", priced.model(service.key).name],
      ["", UNSEEN],
    ],
  };
}

let turn = Promise.resolve(); // one after another: each reads and writes the same storage
chrome.runtime.onMessage.addListener((message, sender, answer) => {
  if (sender.id !== chrome.runtime.id || !sender.tab || !sender.url) return false;
  const works = new Map([["hello", () => hello(sender)], ["seen", () => seen(message, sender)]]);
  const work = works.get(message?.kind);
  if (!work) return false;
  const done = turn.then(work);
  turn = done.catch(() => {});
  done.then(answer, (error) => answer({ show: { short: "energy estimate: not kept", lines: [["", String(error.message).slice(0, 200)]] } }));
  return true;
});

// Pages that the user added, after an update too.
async function register() {
  if (!chrome.scripting) return;
  const settings = await readSettings();
  const [listed] = chrome.runtime.getManifest().content_scripts;
  const wanted = allServices(settings).filter((one) => one.pattern);
  const allowed = [];
  for (const one of wanted) if (await chrome.permissions.contains({ origins: [one.pattern] })) allowed.push(one);
  await chrome.scripting.unregisterContentScripts();
  const scripts = allowed.map((one) => ({ id: one.key, matches: [one.pattern], js: listed.js, runAt: "document_idle" }));
  if (scripts.length) await chrome.scripting.registerContentScripts(scripts);
}
chrome.runtime.onInstalled.addListener(register);
chrome.runtime.onStartup.addListener(register);
chrome.permissions.onAdded.addListener(register);
chrome.storage.onChanged.addListener((changes) => {
  if (isSettings(changes)) turn = turn.then(register).catch(() => {});
});
