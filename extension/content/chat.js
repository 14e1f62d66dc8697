"use strict";
// Follows one chat as the page shows it: which turns there are, how many tokens each has, which answers are new.
//
//   MutationObserver ─► changed turns ─► flush, at most every two seconds ─► count what changed ─► report
//
// An answer is settled when nothing in it changed for two seconds. It is told once under a key, and again under `replaces` when it
// went on. A regenerated or edited turn is another answer: both were computed. Answers that stood there when a chat was opened
// are history: they count for the chat, but on no day.

// share: of the time that counting may take; after a long flush the next one waits.
const TIMES = { flush_ms: 2000, quiet_ms: 2000, share: 0.01, longest_ms: 60_000 };
const PIECES = 5; // deliveries of changes to one turn that show that it is being written while we look
const STORM = 1000; // changes between two flushes after which the page is looked at as a whole instead
const MOST_TURNS = 5000;
const NOTHING = Object.freeze({ target: null, turn: null });

// 53 bits of a text (cyrb53): keys tell answers apart and cannot be read back.
function keyOf(text) {
  let one = 0xdeadbeef, two = 0x41c6ce57;
  for (let place = 0; place < text.length; place += 1) {
    const code = text.charCodeAt(place);
    one = Math.imul(one ^ code, 2654435761);
    two = Math.imul(two ^ code, 1597334677);
  }
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(two ^ (two >>> 13), 3266489909);
  two = Math.imul(two ^ (two >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909);
  return (4294967296 * (2097151 & two) + (one >>> 0)).toString(36);
}

class Turn {
  constructor(element, isAnswer, live) {
    Object.assign(this, { element, isAnswer, live, dirty: true, found: noCounts(), tokens: 0, half: 0, signature: "" });
    Object.assign(this, { id: "", head: "", told: null, toldHead: "", toldTokens: 0, sent: "", pieces: 0, again: 0, at: performance.now() });
  }
}

class Chat {
  #service; #weights; #report; #counter; #observer; #turnsSelector;
  #turns = []; #byElement = new WeakMap(); #stale = new WeakSet(); #above = [];
  #id; #was = null; #noted = 0; #changes = false; #last = NOTHING; #opened = performance.now(); #fresh; #structure = true; #storm = false;
  #timer = 0; #due = 0; #waits = 0; #flushedAt = 0; #tookMs = 0; #stopped = false;

  // service: an entry of services.json. weights: data/tokens.json.
  // report({chat, was, answers, live}): called after a flush that changed something.
  constructor(service, weights, report) {
    this.#service = service;
    this.#weights = weights;
    this.#report = report;
    this.#counter = new Counter(service.ignore);
    this.#turnsSelector = `${service.user}, ${service.answer}`;
    this.#id = this.#idNow();
    this.#fresh = this.#id.named;
    this.#observer = new MutationObserver((records) => this.#changed(records));
    this.#watch();
    this.#later(0);
  }

  stop() {
    this.#observer.disconnect();
    clearTimeout(this.#timer);
    this.#stopped = true;
  }

  #watch() {
    this.#observer.observe(document.documentElement, { childList: true, characterData: true, subtree: true });
  }

  // The chat that the address names; a made-up one until it has a name.
  #idNow() {
    const route = /^#[/!]/.test(location.hash) ? location.hash : ""; // other hashes lead to a place on the page
    if (!this.#service.chat) return { text: location.pathname + route, named: true };
    const found = new RegExp(this.#service.chat).exec(location.pathname + location.search + location.hash);
    if (found) return { text: found[1] ?? found[0], named: true };
    return this.#id && !this.#id.named ? this.#id : { text: `new ${crypto.randomUUID()}`, named: false };
  }

  #changed(records) {
    this.#noted += records.length;
    if (this.#noted > STORM) this.#startStorm();
    else {
      let before = null;
      for (const record of records) {
        const turn = this.#note(record);
        if (turn && turn !== before) turn.pieces += 1;
        if (turn) before = turn;
      }
      this.#changes ||= before !== null;
    }
    if (this.#structure || this.#storm || this.#changes) this.#later();
  }

  // Stop listening until the next flush, which then looks at everything once.
  #startStorm() {
    this.#storm = true;
    this.#observer.disconnect();
  }

  // The turn that a change belongs to, null where it is in none.
  #note({ type, target, addedNodes, removedNodes }) {
    if (target === this.#last.target) return this.#last.turn; // its chain is forgotten already
    for (let at = target, depth = 0; at && depth < 400; at = at.parentNode, depth += 1) {
      const turn = this.#byElement.get(at);
      if (turn) {
        this.#counter.changed(target, at);
        turn.dirty = true;
        if (!at.matches(turn.isAnswer ? this.#service.answer : this.#service.user)) this.#structure = true;
        this.#last = { target, turn };
        return turn;
      }
      if (this.#stale.delete(at)) this.#structure = true; // an element of the chat before, used again
    }
    if (type !== "childList" || this.#structure) return null;
    const holdsTurns = (node) =>
      node.nodeType === Node.ELEMENT_NODE && (node.matches(this.#turnsSelector) || node.querySelector(this.#turnsSelector));
    this.#structure = Array.prototype.some.call(addedNodes, holdsTurns) || Array.prototype.some.call(removedNodes, holdsTurns)
      || target.closest?.(this.#turnsSelector) != null;
    return null;
  }

  // Flush in so many milliseconds, or when an earlier call said; never so often that it takes more than its share.
  #later(ms = TIMES.flush_ms) {
    if (this.#timer && ms >= this.#waits) return;
    const now = performance.now();
    const rest = Math.min(this.#flushedAt + this.#tookMs / TIMES.share, this.#flushedAt + TIMES.longest_ms);
    const due = Math.max(now + ms, rest);
    if (this.#stopped || (this.#timer && this.#due <= due)) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#waits = ms;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      const began = performance.now();
      this.#flush(began);
      this.#flushedAt = performance.now();
      this.#tookMs = this.#flushedAt - began;
    }, due - now);
  }

  #flush(now) {
    this.#follow(now);
    this.#noted = 0;
    this.#changes = false;
    this.#last = NOTHING;
    const stormy = this.#storm;
    if (stormy) {
      this.#counter = new Counter(this.#service.ignore);
      for (const turn of this.#turns) turn.dirty = true;
      this.#structure = true;
      this.#storm = false;
      this.#watch();
    }
    if (this.#structure) this.#look();
    this.#structure = false;
    for (const turn of this.#turns) if (turn.dirty) this.#recount(turn, now, stormy);
    const waiting = this.#turns.some((turn) => turn.tokens > 0 && now - turn.at < TIMES.quiet_ms);
    if (this.#fresh && !waiting && now - this.#opened > TIMES.quiet_ms) this.#fresh = false;
    this.#tell(now);
    if (waiting || this.#fresh) this.#later(TIMES.quiet_ms / 2);
  }

  // Another address: a chat that got its name, or another chat without a reload.
  #follow(now) {
    const id = this.#idNow();
    if (id.text === this.#id.text) return;
    const adopted = !this.#id.named && id.named && this.#turns.some((turn) => turn.element.isConnected);
    if (adopted) this.#was = this.#id.text;
    else {
      for (const turn of this.#turns) if (now - turn.at > TIMES.quiet_ms) this.#stale.add(turn.element);
      this.#turns = [];
      this.#byElement = new WeakMap();
      this.#above = [];
      this.#was = null;
      this.#opened = now;
      this.#fresh = id.named;
      this.#structure = true;
    }
    this.#id = id;
  }

  // The turns that the page holds now, in its order.
  #look() {
    const before = this.#turns;
    const found = [];
    for (const element of document.querySelectorAll(this.#turnsSelector)) {
      if (found.length === MOST_TURNS) break;
      if (this.#stale.has(element) || element.parentElement?.closest(this.#turnsSelector)) continue;
      const isAnswer = element.matches(this.#service.answer);
      let turn = this.#byElement.get(element);
      if (!turn || turn.isAnswer !== isAnswer) {
        turn = new Turn(element, isAnswer, !this.#fresh);
        this.#byElement.set(element, turn);
      }
      found.push(turn);
    }
    this.#turns = found;
    // Turns that a long page drops at its top while later ones stay are still part of the conversation.
    const kept = before.findIndex((turn) => turn.element.isConnected);
    if (kept > 0) this.#above.push(...before.slice(0, kept).filter((turn) => turn.tokens > 0));
    else if (kept < 0) this.#above = [];
  }

  #recount(turn, now, stormy) {
    turn.dirty = false;
    const found = this.#counter.of(turn.element);
    const { tokens, half } = tokensOf(found, this.#weights);
    const id = this.#service.id ? turn.element.getAttribute(this.#service.id) ?? "" : "";
    if (tokens === turn.tokens && id === turn.id) return;
    const head = this.#counter.head(turn.element);
    if (turn.told && (id !== turn.id || tokens < turn.toldTokens / 2 || !head.startsWith(turn.toldHead))) {
      const again = id === turn.id ? turn.again + 1 : 0; // the element was used for another answer
      Object.assign(turn, { told: null, live: !this.#fresh, pieces: 0, again });
    }
    if (stormy && tokens > turn.tokens && turn.tokens > 0) turn.pieces += PIECES; // it grew while nobody counted the pieces
    const signature = id || `${head}|${Array.from(found, (one) => Math.round(one)).join()}`; // the same when the page builds it anew
    Object.assign(turn, { found, tokens, half, id, head, signature, at: now });
  }

  #tell(now) {
    if (this.#above.length) {
      const shown = new Set(this.#turns.map((turn) => turn.signature)); // built anew, or scrolled back to
      this.#above = this.#above.filter((turn) => !shown.has(turn.signature));
    }
    let context = this.#above.reduce((sum, turn) => sum + turn.tokens, 0);
    let fresh = 0, prompt = "", live = null;
    const answers = [], times = new Map();
    for (const turn of this.#turns) {
      context += turn.tokens;
      if (!turn.isAnswer) {
        fresh += turn.tokens;
        prompt = `${prompt}|${turn.signature}`;
        continue;
      }
      if (turn.tokens === 0) continue;
      const said = { fresh, context: context - turn.tokens, output: turn.tokens, half: turn.half };
      if (now - turn.at < TIMES.quiet_ms) live = { ...said, replaces: turn.told };
      else {
        const name = `${prompt}>${turn.signature}`;
        const nth = times.get(name) ?? 0;
        times.set(name, nth + 1);
        const key = keyOf(turn.id ? `${turn.id}~${turn.again}` : `${name}#${nth}`);
        const sent = [key, said.fresh, said.context, said.output].join();
        if (sent !== turn.sent) {
          const seen = turn.live || turn.pieces > PIECES;
          answers.push({ key, replaces: turn.told === key ? null : turn.told, at: seen ? Date.now() : null, ...said });
          Object.assign(turn, { told: key, toldTokens: turn.tokens, sent, toldHead: turn.head });
        }
      }
      fresh = 0;
      prompt = "";
    }
    if (answers.length || live || this.#was) this.#report({ chat: this.#id.text, was: this.#was, answers, live });
    this.#was = null;
  }
}
