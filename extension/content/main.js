"use strict";
// In a page of a service: asks the background which service this is, follows the chat, shows what comes back.

const badge = new Badge();

(async () => {
  const hello = await chrome.runtime.sendMessage({ kind: "hello" });
  if (!hello?.service) return;
  const waiting = []; // one message at a time: of a chat that is still waiting, what settled is put together
  let asking = false;
  const chat = new Chat(hello.service, hello.tokens, (seen) => {
    const last = waiting.at(-1);
    if (last?.chat === seen.chat) Object.assign(last, { live: seen.live, answers: [...last.answers, ...seen.answers] });
    else waiting.push(seen);
    if (!asking) send();
  });

  async function send() {
    asking = true;
    while (waiting.length) {
      const seen = waiting.shift();
      try {
        const said = await chrome.runtime.sendMessage({ kind: "seen", ...seen });
        if (said?.show) badge.show(said.show);
        else badge.hide();
      } catch (error) {
        // The extension was updated or removed while this page stayed open; a page that is loaded again has the new one.
        chat.stop();
        badge.hide();
        waiting.length = 0;
        if (chrome.runtime?.id) throw error;
      }
    }
    asking = false;
  }
})();
