// What the three pages share. Everything is set as text or attribute, never as markup.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "boolean") made.toggleAttribute(key, value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export const paragraph = (text, kind = "") => element("p", kind ? { class: kind } : {}, text);

export function table(caption, heads, rows) {
  const cells = (row) => row.map((cell, place) => element(place ? "td" : "th", place ? {} : { scope: "row" }, cell));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element("table", {},
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells(row))))));
}

export const main = () => document.getElementById("main");

export const BOUNDARY =
  "Estimate of the whole serving computer with cooling, at 90 %, for the models assumed. Left out: idle machines, training, networks, your own device.";

// For tests and screenshots: everything is drawn.
export const ready = () => { document.documentElement.dataset.ready = "yes"; };
