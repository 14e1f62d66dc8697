"use strict";
// Counts of a piece of a page, kept by element: after a change only the chain from there up to the turn is counted again.
//
//   counter.of(turn) ─► counts; counter.changed(node, turn) forgets the chain; the next of(turn) counts what was forgotten

const MOST_NODES = 50_000; // of one turn that are looked at one by one; beyond, its text is read in one go
const MOST_DEPTH = 200;
const SMALL = 256; // characters of an element that are counted again rather than remembered
const HEAD = 64; // characters that tell one answer from another

class Counter {
  #known = new WeakMap();
  #ignored;
  #left = 0;

  // ignored: a selector of what is no part of the text: buttons, icons, words for screen readers.
  constructor(ignored) {
    this.#ignored = ignored || "script, style";
  }

  // Counts of everything in an element.
  of(element) {
    this.#left = MOST_NODES;
    return this.#count(element, 0);
  }

  // Forget what lies between a changed node and its turn, the turn included.
  changed(node, turn) {
    for (let at = node, depth = 0; at && depth < 2 * MOST_DEPTH; at = at.parentNode, depth += 1) {
      this.#known.delete(at);
      if (at === turn) return;
    }
    this.#known.delete(turn);
  }

  // The first characters that are no spaces.
  head(element) {
    let found = "";
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    for (let seen = 0; found.length < HEAD && seen < 1000 && walker.nextNode(); seen += 1) {
      if (!walker.currentNode.parentElement.closest(this.#ignored)) {
        found += walker.currentNode.data.slice(0, 4 * HEAD).replace(/\s+/g, "");
      }
    }
    return found.slice(0, HEAD);
  }

  #count(element, depth) {
    const known = this.#known.get(element);
    if (known) return known;
    if (element.matches(this.#ignored)) return noCounts();
    if (depth > MOST_DEPTH || this.#left <= 0) return counts(element.textContent);
    let found = noCounts(), characters = 0;
    for (let node = element.firstChild; node; node = node.nextSibling) {
      this.#left -= 1;
      if (this.#left < 0) {
        found = counts(element.textContent); // all of it, counted in one go: a part was counted already and is dropped
        characters = SMALL;
        break;
      }
      if (node.nodeType === Node.TEXT_NODE) {
        const piece = counts(node.data);
        for (let place = 0; place < piece.length; place += 1) found[place] += piece[place];
        characters += node.data.length;
      } else if (node.nodeType === Node.ELEMENT_NODE) {
        const piece = this.#count(node, depth + 1);
        for (let place = 0; place < piece.length; place += 1) found[place] += piece[place];
        characters += SMALL;
      }
    }
    if (characters >= SMALL) this.#known.set(element, found);
    return found;
  }
}
