"use strict";
// The figure in the page: a button in a corner that unfolds. Its shadow is closed, everything in it is set as text.

const STYLE = `
  :host { all: initial !important; position: fixed !important; right: 12px !important; bottom: 12px !important;
    z-index: 2147483000 !important; color-scheme: light dark !important; }
  :host([hidden]) { display: none !important; }
  * { box-sizing: border-box; }
  div, button { font: 13px/1.4 system-ui, sans-serif; color: light-dark(#1b1f24, #e8ecf0); }
  button { cursor: pointer; min-height: 32px; padding: 4px 10px; border: 1px solid light-dark(#57606a, #a3adb8);
    border-radius: 16px; background: light-dark(#f6f8fa, #1c2229); display: block; margin-left: auto; max-width: min(320px, 92vw); }
  button:focus-visible { outline: 3px solid light-dark(#0a5bb5, #7ab8ff); outline-offset: 2px; }
  .panel { width: min(320px, 92vw); max-height: 70vh; overflow: auto; margin-bottom: 6px; padding: 10px 12px;
    border: 1px solid light-dark(#57606a, #a3adb8); border-radius: 8px; background: light-dark(#ffffff, #14181d); }
  .panel[hidden] { display: none; }
  .faint { color: light-dark(#57606a, #a3adb8); margin-top: 4px; }
  strong { font-weight: 600; }
`;

class Badge {
  #host = document.createElement("joules-estimate");
  #button; #panel; #said = { short: "", lines: [] };

  constructor() {
    const shadow = this.#host.attachShadow({ mode: "closed" });
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    shadow.adoptedStyleSheets = [style];
    this.#panel = document.createElement("div");
    this.#panel.className = "panel";
    this.#panel.id = "panel";
    this.#panel.hidden = true;
    this.#panel.setAttribute("role", "region");
    this.#panel.setAttribute("aria-label", "Energy of this chat, estimate");
    this.#panel.tabIndex = 0;
    this.#button = document.createElement("button");
    this.#button.type = "button";
    this.#button.setAttribute("aria-expanded", "false");
    this.#button.setAttribute("aria-controls", "panel");
    this.#button.addEventListener("click", (event) => event.isTrusted && this.#toggle(this.#panel.hidden));
    shadow.addEventListener("keydown", (event) => event.key === "Escape" && this.#toggle(false));
    shadow.append(this.#panel, this.#button);
    this.#host.hidden = true;
  }

  // said: {short, lines}: a sentence for the button; [title, text] pairs. The panel is written when somebody looks at it.
  show(said) {
    this.#said = said;
    if (this.#button.textContent !== said.short) this.#button.textContent = said.short;
    if (!this.#panel.hidden) this.#write();
    this.#host.hidden = false;
    if (!this.#host.isConnected) document.documentElement.append(this.#host);
  }

  #write() {
    this.#panel.replaceChildren(
      ...this.#said.lines.map(([title, text]) => {
        const line = document.createElement("div");
        if (title) {
          const strong = document.createElement("strong");
          strong.textContent = `${title}: `;
          line.append(strong);
        } else line.className = "faint";
        line.append(text);
        return line;
      }),
    );
  }

  hide() {
    this.#host.hidden = true;
  }

  // What it says, for tests.
  get words() {
    this.#write();
    return this.#host.hidden ? null : { short: this.#button.textContent, panel: this.#panel.textContent };
  }

  #toggle(open) {
    if (open) this.#write();
    this.#panel.hidden = !open;
    this.#button.setAttribute("aria-expanded", String(open));
  }
}
