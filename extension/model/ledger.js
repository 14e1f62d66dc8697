// What was counted, kept in this browser: numbers only. No text, no title, no address.
//
//   chat:<hash> ─► {service, answers: [[key, at, fresh, context, output, half], ...]}
//
// The oldest answer comes first (a list, because storage sorts the names of an object). at: milliseconds when the answer settled,
// null where it stood there before. The rest are tokens, as model/estimate.js takes them. Watt-hours are not kept: they follow
// from today's assumptions.

const PREFIX = "chat:";
const MOST_ANSWERS = 5000; // of one chat; the oldest go first

const number = (value, high) => (Number.isFinite(value) && value >= 0 && value <= high ? Math.round(value * 100) / 100 : null);

// An answer as a page sent it, checked; null where it is none. Pages may be hostile.
export function entryOf(answer, at) {
  const entry = [at, number(answer?.fresh, 1e8), number(answer?.context, 1e8), number(answer?.output, 1e8), number(answer?.half, 3)];
  return entry.slice(1).includes(null) ? null : entry;
}

export const answerOf = ([at, fresh, context, output, half]) => ({ at, fresh, context, output, half });

// The name under which a chat is kept: it cannot be read back.
export async function nameOf(chat) {
  const bytes = new TextEncoder().encode(chat);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return PREFIX + Array.from(digest.slice(0, 10), (one) => one.toString(16).padStart(2, "0")).join("");
}

const answersOf = (chat) => chat.answers.map(([key, ...entry]) => ({ key, ...answerOf(entry) }));

async function readChat(name) {
  return (await chrome.storage.local.get(name))[name] ?? null;
}

// The chat's answers with these added; `was` is the name it had before the service gave it one.
export async function keep(name, was, service, answers, now) {
  const old = was && was !== name ? await readChat(was) : null;
  const known = (await readChat(name)) ?? { service, answers: [] };
  const entries = new Map([...(old?.answers ?? []), ...known.answers].map(([key, ...entry]) => [key, entry]));
  let changed = old !== null;
  for (const { key, replaces, at, ...counted } of answers) {
    if (typeof key !== "string" || !/^[0-9a-z]{1,14}$/.test(key)) continue;
    const before = entries.get(key) ?? entries.get(replaces) ?? null;
    const entry = entryOf(counted, before?.[0] ?? (at === null ? null : now));
    if (entry === null) continue;
    if (replaces !== key) entries.delete(replaces);
    entries.set(key, entry);
    changed = true;
  }
  const kept = [...entries].slice(-MOST_ANSWERS);
  const chat = { service, answers: kept.map(([key, entry]) => [key, ...entry]) };
  if (changed && kept.length) await chrome.storage.local.set({ [name]: chat });
  if (old) await chrome.storage.local.remove(was);
  return answersOf(chat);
}

// Every chat: [{name, service, answers: [{key, at, fresh, context, output, half}]}].
export async function readAll() {
  const all = await chrome.storage.local.get(null);
  return Object.entries(all)
    .filter(([name]) => name.startsWith(PREFIX))
    .map(([name, chat]) => ({ name, service: chat.service, answers: answersOf(chat) }));
}

export async function readOne(name) {
  const chat = await readChat(name);
  return chat && { name, service: chat.service, answers: answersOf(chat) };
}

// Forget every chat; settings stay.
export async function deleteAll() {
  const names = (await readAll()).map((one) => one.name);
  await chrome.storage.local.remove(names);
  await chrome.storage.session.clear();
}
