"use strict";
// Everything that comes from the run is put in as text, never as markup.

const MOST_ROWS = 500;
const byId = (id) => document.getElementById(id);
let rows = new Map();
let power = [];

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function showFigures(figures) {
  byId("figures").replaceChildren(...figures.map(([label, figure]) => {
    const group = document.createElement("div");
    group.append(element("dt", label), element("dd", figure));
    return group;
  }));
}

function showPower() {
  byId("course").hidden = power.length < 2;
  if (power.length < 2) return;
  const watts = power.map(([, value]) => value);
  const most = Math.max(...watts);
  const begin = power[0][0];
  const span = power[power.length - 1][0] - begin || 1;
  const points = power.map(([at, value]) =>
    `${(600 * (at - begin) / span).toFixed(1)},${(115 - (most > 0 ? 110 * value / most : 0)).toFixed(1)}`);
  byId("power").firstElementChild.setAttribute("d", "M" + points.join("L"));
  byId("range").textContent =
    `${Math.min(...watts).toFixed(0)} to ${most.toFixed(0)} W over ${Math.round(span)} s, from zero; now ${watts[watts.length - 1].toFixed(0)} W`;
}

function drawnRow(row) {
  const line = document.createElement("tr");
  const name = element("td", row.name);
  if (row.sentence && row.verdict) name.append(element("small", row.sentence));
  const known = ["REGRESSED", "IMPROVED", "failed"].includes(row.verdict) ? row.verdict : "";
  line.append(name, element("td", row.figure), element("td", row.verdict, known));
  return line;
}

function showRows(changed) {
  if (!changed.length) return;
  for (const row of changed) rows.set(row.index, row);
  const newest = [...rows.keys()].sort((one, other) => other - one).slice(0, MOST_ROWS);
  byId("rows").replaceChildren(...newest.map((index) => drawnRow(rows.get(index))));
  const earlier = rows.size - newest.length;
  byId("more").textContent = earlier > 0 ? `and ${earlier} earlier ones` : "";
}

function show(update) {
  if (update.reset) {
    rows = new Map();
    power = [];
    byId("rows").replaceChildren();
  }
  byId("headline").textContent = update.headline;
  if (byId("step").textContent !== update.step) byId("step").textContent = update.step;
  document.title = update.state === "running" ? "joules live" : `joules live · ${update.state}`;
  power = power.concat(update.power).slice(-600);
  showFigures(update.figures);
  showPower();
  showRows(update.rows);
}

// The browser opens the stream again by itself; its first event is then the whole picture.
const stream = new EventSource("/events");
stream.onopen = () => { byId("link").hidden = true; };
stream.onerror = () => { byId("link").hidden = false; };
let first = true;
stream.onmessage = (message) => {
  const update = JSON.parse(message.data);
  if (first) { update.reset = true; first = false; }
  show(update);
};
