"use strict";
// Tokens of a text without a tokenizer: characters and words are counted by script, and each count has a weight.
//
//   text ─► counts(text) ─► tokensOf(counts, weights) ─► {tokens, half}
//
// Counts add up, so a chat is counted piece by piece as it grows. The weights and how far off they are (data/tokens.json)
// were fitted by tools/fit_tokens.py; docs/extension.md says on what. Used in pages, by the tests and by that tool.
// A plain script: browsers load no modules as content scripts.

const COUNTS = [
  ...["words", "beyond", "accents", "humps"], // of Latin script; letters beyond the fifth of a word; capitals after small ones
  ...["digits", "marks", "markRuns", "lines", "indents"], // groups of three digits; punctuation; line ends; deep spaces
  ...["han", "kana", "hangul", "cyrillicWords", "cyrillic", "greek", "arabic", "hebrew", "indic", "thai", "other"],
];
const PLACE = Object.freeze(Object.fromEntries(COUNTS.map((name, place) => [name, place])));
const SCRIPTS = Object.freeze({
  latin: ["words", "beyond", "accents", "humps"],
  signs: ["digits", "marks", "markRuns", "lines", "indents"],
  east_asian: ["han", "kana", "hangul"],
  cyrillic_greek: ["cyrillicWords", "cyrillic", "greek"],
  other: ["arabic", "hebrew", "indic", "thai", "other"],
});
const MOST_CHARACTERS = 200_000; // of one piece; of a longer one so many are read and the counts scaled

const noCounts = () => new Float64Array(COUNTS.length);

// Where a character belongs that is no ASCII: the name of a count, "latin" or "space".
function scriptOf(code) {
  if (code < 0x0250) return code >= 0xc0 && code !== 0xd7 && code !== 0xf7 ? "latin" : code === 0xa0 ? "space" : "marks";
  if (code < 0x0370) return "latin"; // phonetic signs and accents that stand alone
  if (code < 0x0400) return "greek";
  if (code < 0x0530) return "cyrillic";
  if (code >= 0x0590 && code < 0x0600) return "hebrew";
  if (code >= 0x0600 && code < 0x0780) return "arabic";
  if (code >= 0x0900 && code < 0x0e00) return "indic";
  if (code >= 0x0e00 && code < 0x0e80) return "thai";
  if (code >= 0x1100 && code < 0x1200) return "hangul";
  if (code >= 0x1e00 && code < 0x1f00) return "latin";
  if (code >= 0x1f00 && code < 0x2000) return "greek";
  if (code >= 0x2000 && code < 0x2070) return code <= 0x200a || code === 0x202f || code === 0x2028 ? "space" : "marks";
  if (code >= 0x3000 && code < 0x3040) return code === 0x3000 ? "space" : "marks";
  if (code >= 0x3040 && code < 0x3100) return "kana";
  if (code >= 0x3400 && code < 0xa000) return "han";
  if (code >= 0xac00 && code < 0xd7b0) return "hangul";
  if (code >= 0xf900 && code < 0xfb00) return "han";
  if (code >= 0xff00 && code < 0xfff0) return "marks";
  if (code >= 0xfb1d && code < 0xfb50) return "hebrew";
  if (code >= 0xfb50 && code < 0xff00) return "arabic";
  return "other"; // arrows, symbols, emoji, scripts that are not listed
}

// Counts of a text by COUNTS.
function counts(text) {
  const found = noCounts();
  const length = Math.min(text.length, MOST_CHARACTERS);
  let before = "", letters = 0, digits = 0, spaces = 0, small = false;
  for (let place = 0; place < length; place += 1) {
    const code = text.charCodeAt(place);
    let kind;
    if (code < 128) {
      if ((code | 32) >= 97 && (code | 32) <= 122) kind = "latin";
      else if (code >= 48 && code <= 57) kind = "digits";
      else if (code === 10) kind = "line";
      else if (code <= 32) kind = "space";
      else kind = "marks";
    } else kind = code >= 0xdc00 && code < 0xe000 ? "" : scriptOf(code); // the second half of a pair was counted

    if (kind === "latin") {
      if (before !== "latin") {
        found[PLACE.words] += 1;
        letters = 0;
      }
      letters += 1;
      if (letters > 5) found[PLACE.beyond] += 1;
      if (code >= 128) found[PLACE.accents] += 1;
      if (small && code >= 65 && code <= 90) found[PLACE.humps] += 1;
    } else if (kind === "digits") {
      if (before !== "digits") digits = 0;
      if (digits % 3 === 0) found[PLACE.digits] += 1;
      digits += 1;
    } else if (kind === "marks") {
      found[PLACE.marks] += 1;
      if (before !== "marks") found[PLACE.markRuns] += 1;
    } else if (kind === "line") {
      if (before !== "line") found[PLACE.lines] += 1;
    } else if (kind === "space") {
      spaces = before === "space" ? spaces + 1 : 1;
      if (spaces === 2) found[PLACE.indents] += 1;
    } else if (kind === "cyrillic") {
      if (before !== "cyrillic") found[PLACE.cyrillicWords] += 1;
      found[PLACE.cyrillic] += 1;
    } else if (kind) found[PLACE[kind]] += 1;
    small = kind === "latin" && code >= 97;
    before = kind;
  }
  if (text.length > length) for (let place = 0; place < found.length; place += 1) found[place] *= text.length / length;
  return found;
}

// Tokens of counts, and the half width of their logarithm at 90 %: of its scripts, by their share.
function tokensOf(found, weights) {
  let tokens = 0, doubt = 0;
  for (const [script, names] of Object.entries(SCRIPTS)) {
    let part = 0;
    for (const name of names) part += found[PLACE[name]] * weights.weights[name];
    tokens += part;
    doubt += part * weights.half_widths[script];
  }
  return { tokens, half: tokens > 0 ? doubt / tokens : 0 };
}
