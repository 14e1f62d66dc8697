"use strict";
// Draws pictures and tables from the data in the page. Everything from a result is set as text, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const STEP = 100; // rows that a table shows at once, and more at each press
  const PRINTED = 1000;
  const CHOICES = ["source", "question", "framework", "decoding"];

  // columns as html.py packs them: unpacked when they are looked at
  const unpacked = (packed) => {
    const columns = Object.values(packed.columns).map((one) =>
      one.words ? one.places.map((place) => one.words[place]) : one);
    return Array.from({ length: packed.count }, (_, row) => columns.map((column) => column[row]));
  };
  const valuesOf = (packed, field) => packed.columns[field].words || [...new Set(packed.columns[field])];
  class Figure {
    constructor(raw) { Object.assign(this, raw); }
    get rows() { return (this.unpackedRows ??= unpacked(this.table)); }
    get count() { return this.table.count; }
  }

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  // ---- figures in words, as energy_fixtures/units.py prints them
  const PREFIXES = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"]];
  const SCALABLE = ["J", "W", "s", "Wh"];

  const significant = (value) => {
    if (value === 0 || !Number.isFinite(value)) return String(value);
    const size = Math.abs(value);
    if (size < 1e-4 || size >= 1e6) return value.toExponential(2);
    const rounded = Number(value.toPrecision(3));
    return value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded)))));
  };
  const factorOf = (value, unit) => {
    if (unit === "%") return [0.01, ""];
    const scalable = SCALABLE.includes(unit.split("/")[0]) && value !== 0;
    return (scalable && (PREFIXES.find(([one]) => Math.abs(value) >= one * 0.9995) || PREFIXES.at(-1))) || [1, ""];
  };
  const said = (value, unit) => {
    if (value === null || value === undefined || value === "") return "—";
    if (typeof value === "boolean") return value ? "yes" : "no";
    if (typeof value !== "number") return value;
    if (unit === "%") return `${significant(100 * value)} %`;
    if (unit === "" || unit === "1") return Number.isInteger(value) ? String(value) : significant(value);
    const [factor, prefix] = factorOf(value, unit);
    return `${significant(value / factor)} ${prefix}${unit}`;
  };
  const unitOf = (column, row, figure) => {
    if (!column.unit.startsWith("@")) return column.unit;
    const place = figure.columns.findIndex((one) => one.key === column.unit.slice(1));
    return place < 0 ? "" : row[place] || "";
  };
  const numeric = (figure, place) =>
    figure.columns[place].unit !== "" || figure.rows.some((row) => typeof row[place] === "number");

  // ---- theme
  const theme = document.getElementById("theme");
  const dress = (choice) => {
    if (choice === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
  };
  try {
    theme.value = localStorage.getItem("pytest-joules-theme") || "auto";
  } catch { /* a page from a file may have no storage */ }
  if (theme.selectedIndex < 0) theme.value = "auto";
  dress(theme.value);
  theme.addEventListener("change", () => {
    dress(theme.value);
    try {
      localStorage.setItem("pytest-joules-theme", theme.value);
    } catch { /* then it holds until the page is closed */ }
  });

  // ---- tables
  const csvCell = (value, column) => {
    if (value === null || value === undefined) return "";
    if (typeof value === "boolean") return value ? "yes" : "no";
    let text = String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`; // no formula for a spreadsheet
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csvOf = (figure, rows) => {
    const named = (column) => (/^[A-Za-z°]/.test(column.unit) ? `${column.key} (${column.unit})` : column.key);
    const head = figure.columns.map((column) => csvCell(named(column), column)).join(",");
    const lines = rows.map((row) => row.map((value, place) => csvCell(value, figure.columns[place])).join(","));
    return [head, ...lines].join("\n") + "\n";
  };
  const download = (name, text) => {
    const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    const link = element("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  };
  const counted = (count) => `${count} row${count === 1 ? "" : "s"}`;
  const compare = (one, other) => {
    const empty = (value) => value === null || value === undefined || value === "";
    if (empty(one) || empty(other)) return empty(one) - empty(other);
    if (typeof one === "number" && typeof other === "number") return one - other;
    return String(one).localeCompare(String(other), "en", { numeric: true });
  };

  const tables = [];

  class Table {
    constructor(name, figure, place, title) {
      Object.assign(this, { name, figure, most: STEP, sorted: -1, down: false, words: "", chosen: {} });
      this.columns = figure.columns.map((column, at) => ({ ...column, at })).filter((column) => column.shown);
      this.body = element("tbody");
      this.count = element("span", { class: "count", role: "status" });
      this.more = element("button", { type: "button", class: "more" }, `Show ${STEP} more`);
      this.more.addEventListener("click", () => { this.most += STEP; this.show(); });
      this.csv = element("button", { type: "button", class: "csv" }, "Download CSV");
      this.csv.setAttribute("aria-label", `Download CSV: ${title}`);
      this.csv.addEventListener("click", () => download(`${name}.csv`, csvOf(figure, this.found)));
      const open = !figure.folded;
      const tools = element("div", { class: "tools" });
      if (figure.count > 10) tools.append(this.search(title), ...(open ? this.choices() : []));
      tools.append(this.csv, this.count);
      this.scroll = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Table: ${title}` });
      const rest = [tools, this.scroll, this.more];
      if (open) place.append(...rest);
      else {
        this.details = element("details", {}, element("summary", {}, `Table and data (${counted(figure.count)})`), ...rest);
        this.details.addEventListener("toggle", () => this.details.open && this.build());
        place.append(this.details);
      }
      this.say(figure.count);
      if (open) this.build();
    }

    get found() { // the rows that the filter leaves, in the order asked for
      if (!this.rows) this.find();
      return this.rows;
    }

    say(count) {
      const all = this.figure.count;
      this.count.textContent = count === all ? counted(all) : `${count} of ${counted(all)}`;
    }

    search(title) {
      const input = element("input", { type: "search", "aria-label": `Filter: ${title}`, placeholder: "words in any column" });
      input.addEventListener("input", () => { this.words = input.value.toLowerCase(); this.find(); });
      return element("label", {}, "Filter", input);
    }

    choices() {
      return this.columns.filter((column) => CHOICES.includes(column.key)).flatMap((column) => {
        const values = valuesOf(this.figure.table, column.key).filter((value) => value !== null);
        if (values.length < 2 || values.length > 60) return [];
        const select = element("select", {}, new Option("all", ""), ...values.map((value, at) => new Option(value, at)));
        select.addEventListener("change", () => {
          if (select.value === "") delete this.chosen[column.at];
          else this.chosen[column.at] = values[Number(select.value)];
          this.find();
        });
        return [element("label", {}, column.title, select)];
      });
    }

    text(row) { // what a search looks through, made once per row
      this.texts ??= new Map();
      if (!this.texts.has(row)) this.texts.set(row, row.filter((value) => value !== null).join(" ").toLowerCase());
      return this.texts.get(row);
    }

    find() {
      const words = this.words.split(/\s+/).filter(Boolean);
      const chosen = Object.entries(this.chosen);
      this.rows = this.figure.rows.filter((row) =>
        chosen.every(([at, value]) => row[at] === value) && words.every((word) => this.text(row).includes(word)));
      if (this.sorted >= 0) {
        const sign = this.down ? -1 : 1;
        const empty = (value) => value === null || value === "";
        this.rows.sort((one, other) => {
          const [left, right] = [one[this.sorted], other[this.sorted]];
          return compare(left, right) * (empty(left) || empty(right) ? 1 : sign); // unknown last, either way
        });
      }
      this.most = STEP;
      this.show();
    }

    build() {
      if (this.built) return;
      this.built = true;
      const heads = this.columns.map((column) => {
        const button = element("button", { type: "button" }, column.title);
        const head = element("th", { scope: "col" }, button);
        if (numeric(this.figure, column.at)) head.className = "number";
        button.addEventListener("click", () => {
          this.down = this.sorted === column.at ? !this.down : false;
          this.sorted = column.at;
          for (const one of heads) one.removeAttribute("aria-sort");
          head.setAttribute("aria-sort", this.down ? "descending" : "ascending");
          this.find();
        });
        return head;
      });
      this.scroll.append(element("table", {}, element("thead", {}, element("tr", {}, ...heads)), this.body));
      this.show();
    }

    ends(row, unit) { // the interval, small, below its mean
      this.low ??= this.figure.columns.findIndex((column) => column.key === "low");
      this.high ??= this.figure.columns.findIndex((column) => column.key === "high");
      const [low, high] = [row[this.low], row[this.high]];
      if (typeof low !== "number" || typeof high !== "number") return "";
      const factor = factorOf(row[this.figure.columns.findIndex((column) => column.ends)], unit)[0];
      return element("span", { class: "ends" }, `${significant(low / factor)} to ${significant(high / factor)}`);
    }

    show() {
      if (!this.built) return;
      const rows = this.found;
      this.say(rows.length);
      const shown = rows.slice(0, this.most);
      this.body.replaceChildren(...shown.map((row) => element("tr", {}, ...this.columns.map((column) => {
        const value = row[column.at];
        const unit = unitOf(column, row, this.figure);
        const cell = element("td", {}, said(value, unit));
        if (column.ends && value !== null) cell.append(this.ends(row, unit));
        if (typeof value === "number") cell.className = "number";
        else if (typeof value === "string") cell.className = value.length > 60 ? "text long" : value.length > 16 ? "text" : "short";
        return cell;
      }))));
      this.more.hidden = shown.length >= rows.length;
    }
  }

  // ---- pictures
  let library;
  const loaded = () => {
    library ??= new Promise((resolve) => {
      document.head.append(element("script", {}, document.getElementById("library").textContent));
      resolve(window.vegaEmbed);
    });
    return library;
  };
  const tip = document.getElementById("tip");
  const tipOf = (figure) => (handler, event, item, value) => {
    const known = value && typeof value === "object" ? figure.columns.filter((one) => one.key in value) : [];
    tip.hidden = known.length === 0;
    if (tip.hidden) return;
    const lines = known.filter((one) => value[one.key] !== null && value[one.key] !== "");
    tip.replaceChildren(element("div", {}, ...lines.flatMap((one) => {
      const unit = one.unit.startsWith("@") ? value[one.unit.slice(1)] || "" : one.unit;
      return [element("span", {}, one.title), element("b", {}, said(value[one.key], unit))];
    })));
    const right = event.clientX + 14 + tip.offsetWidth > innerWidth;
    tip.style.left = `${Math.max(4, right ? event.clientX - tip.offsetWidth - 10 : event.clientX + 14)}px`;
    tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 4))}px`;
  };
  const named = (fields, rows) => rows.map((row) => Object.fromEntries(fields.map((field, at) => [field, row[at]])));
  const narrowed = (spec, datasets) => { // legends of what occurs, the height of the rows there are; draw.py does the same
    const ROW_GAP = 8;
    const rows = datasets.drawn || datasets.table;
    const occurring = (field) => new Set(rows.map((row) => row[field]));
    const found = structuredClone(spec);
    found.layer = found.layer.filter((one) => datasets[one.data?.name || "table"].length);
    for (const { encoding } of found.layer) {
      for (const one of [encoding.color, encoding.shape, encoding.y, encoding.yOffset]) {
        if (one?.field && one.scale?.domain) one.scale.domain = one.scale.domain.filter((name) => occurring(one.field).has(name));
      }
    }
    if (found.height.step) {
      const { y, yOffset } = found.layer.find((layer) => layer.encoding.y?.field).encoding;
      const lanes = yOffset ? occurring(yOffset.field).size : 1;
      found.height = occurring(y.field).size * (lanes * found.height.step + ROW_GAP);
    }
    return found;
  };
  const fitted = (spec, width) => { // room for labels by the width there is
    const narrow = width < 520;
    const config = structuredClone(spec.config);
    const names = spec.layer.some((one) => one.encoding.y?.type === "nominal");
    const labels = Math.min(300, width * (narrow ? 0.42 : 0.34));
    const columns = narrow ? 1 : 2;
    const room = (width - (names ? labels : 50)) / columns - 30; // legends begin where the picture does
    config.legend = { ...config.legend, columns, labelLimit: room };
    config.axis = { ...config.axis, labelLimit: labels };
    if (narrow && names) config.axisX = { titleAnchor: "end" }; // a long title may reach below the names
    return { ...spec, config };
  };

  class Picture {
    constructor(figure, place, controls, title) {
      Object.assign(this, { figure, place });
      if (figure.chooser) controls.append(this.choice(title));
    }

    get sets() { // what is drawn, by the names that the specification uses
      const { spec, table, datasets, chooser } = this.figure;
      const found = {};
      for (const [name, packed] of Object.entries({ table, ...datasets })) {
        const used = spec.layer.some((layer) => (layer.data?.name || "table") === name);
        const rows = used ? named(Object.keys(packed.columns), unpacked(packed)) : [];
        found[name] = chooser ? rows.filter((row) => row[chooser] === this.chosen) : rows;
      }
      if (!found.drawn?.length) delete found.drawn;
      return found;
    }

    choice(title) {
      const key = this.figure.chooser;
      const values = valuesOf(this.figure.datasets.drawn || this.figure.table, key);
      const head = this.figure.columns.find((column) => column.key === key)?.title || key;
      const select = element("select", {}, ...values.map((value, at) => new Option(value, at)));
      select.setAttribute("aria-label", `${head}: ${title}`);
      this.chosen = values[0];
      select.addEventListener("change", () => { this.chosen = values[Number(select.value)]; this.drawn = null; this.draw(); });
      return element("label", {}, head, select);
    }

    draw() {
      this.drawn ??= this.embed();
      return this.drawn;
    }

    async embed() {
      const embed = await loaded();
      const { spec } = this.figure;
      const datasets = this.sets;
      this.last?.finalize();
      const whole = { ...fitted(narrowed(spec, datasets), this.place.clientWidth), datasets };
      const inside = element("div", { "aria-hidden": "true" }); // Vega would overwrite what the place says of itself
      this.place.replaceChildren(inside);
      this.last = await embed(inside, whole, {
        mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false,
        tooltip: tipOf(this.figure),
      });
      this.place.dataset.drawn = "yes";
    }
  }

  // ---- put together
  const pictures = [];
  for (const place of document.querySelectorAll("[data-figure]")) {
    const name = place.dataset.figure;
    if (!data[name]) continue;
    const figure = new Figure(data[name]);
    const title = place.querySelector("h3").textContent;
    if (figure.spec) {
      const picture = new Picture(figure, place.querySelector(".picture"), place.querySelector(".controls"), title);
      pictures.push(picture);
    }
    tables.push(new Table(name, figure, place.querySelector(".table"), title));
  }
  const failed = (error) => console.error(`a picture could not be drawn: ${error}`);
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      seen.unobserve(entry.target);
      pictures.find((one) => one.place === entry.target).draw().catch(failed);
    }
  }, { rootMargin: "400px" });
  for (const picture of pictures) seen.observe(picture.place);

  // the rest when nothing else is to be done, so that all of it is there when the page is printed
  const idle = window.requestIdleCallback || ((work) => setTimeout(work, 50));
  const next = (at) => {
    if (at >= pictures.length) {
      document.documentElement.dataset.ready = "yes";
      return;
    }
    idle(() => pictures[at].draw().catch(failed).then(() => next(at + 1)));
  };
  next(0);

  addEventListener("beforeprint", () => {
    for (const table of tables) {
      if (table.details) continue; // pictures print without their tables, unless these are open
      table.shown = table.most;
      table.most = PRINTED;
      table.show();
    }
  });
  addEventListener("afterprint", () => {
    for (const table of tables) {
      if (table.details) continue;
      table.most = table.shown;
      table.show();
    }
  });
  if (matchMedia("(min-width: 60rem)").matches) document.getElementById("contents").open = true;
})();
