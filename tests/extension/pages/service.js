"use strict";
// What every page of a service can do: answer in a stream, edit, regenerate, switch branches, open other chats without a
// reload. The page says how a turn is built: `build(role, id)` gives {turn, body}; text goes into body, block by block.

window.startChat = ({ list, build, base }) => {
  let turns = []; // {role, id, turn, body, text}
  let number = 0;
  const wait = (ms) => new Promise((then) => setTimeout(then, ms));

  function add(role, text, { hidden = false } = {}) {
    number += 1;
    const made = { role, id: `id-${location.pathname.replace(/\W/g, "")}-${number}`, text: "" };
    Object.assign(made, build(role, made.id));
    write(made, text);
    turns.push(made);
    if (!hidden) list.append(made.turn);
    return made;
  }

  // As services do: finished blocks stay, the last one is written anew with each piece.
  function write(turn, text) {
    const blocks = text.split("\n\n");
    const old = turn.text ? turn.text.split("\n\n") : [];
    while (turn.body.childElementCount > blocks.length) turn.body.lastElementChild.remove();
    blocks.forEach((block, place) => {
      let element = turn.body.children[place];
      if (!element) turn.body.append((element = document.createElement("p")));
      if (old[place] !== block) element.replaceChildren(block);
    });
    turn.text = text;
  }

  async function stream(turn, text, { pieces = 10, ms = 30 } = {}) {
    for (let piece = 1; piece <= pieces; piece += 1) {
      write(turn, text.slice(0, Math.ceil((text.length * piece) / pieces)));
      await wait(ms);
    }
  }

  function cut(place) {
    for (const gone of turns.slice(place)) gone.turn.remove();
    return turns.splice(place);
  }

  window.chat = {
    // A question and its answer, streamed; resolves when the answer is complete.
    async ask(question, answer, how) {
      add("user", question);
      await wait(20);
      await stream(add("answer", ""), answer, how);
    },
    // A question with its answer already there, as a chat from before.
    history(pairs) {
      for (const [question, answer] of pairs) {
        add("user", question);
        add("answer", answer);
      }
    },
    // Another answer to the same question. reuse: in the same element, emptied first.
    async regenerate(answer, { reuse = false, ...how } = {}) {
      const last = turns.at(-1);
      if (reuse) {
        write(last, "");
        await wait(30);
        return stream(last, answer, how);
      }
      cut(turns.length - 1);
      return stream(add("answer", ""), answer, how);
    },
    // Another question in the place of the n-th turn; what came after it goes. Returns nothing; `back` brings it again.
    async edit(place, question, answer, how) {
      window.chat.gone = { place, turns: cut(place) };
      await window.chat.ask(question, answer, how);
    },
    // The branch that the last edit replaced, and that of the edit again, in turn.
    branch() {
      const { place, turns: other } = window.chat.gone;
      window.chat.gone = { place, turns: cut(place) };
      for (const one of other) list.append(one.turn);
      turns.push(...other);
    },
    // Another chat, without a reload.
    async open(name, pairs, { first = "address", late = 50 } = {}) {
      const address = () => history.pushState({}, "", base + name);
      if (first === "address") address();
      await wait(late);
      cut(0);
      window.chat.history(pairs);
      if (first !== "address") {
        await wait(late);
        address();
      }
    },
    name: (name) => history.pushState({}, "", base + name),
    // A long page that keeps only its last turns.
    drop(count) {
      for (const gone of turns.slice(0, count)) gone.turn.remove();
    },
    get turns() { return turns; },
    add, stream, write,
  };
};
