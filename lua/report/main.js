// main.js -- the page: a section for each part of the data, charts with their tables, and once a second new data if the
// page is a live one.
//
// The data: { schema, made (seconds since 1970), title, subtitle, figures: [{ name, value, unit }],
// sections: [{ id, title, note, charts: [{ kind, title, ... }], tables: [...] }], missing: [{ title, why }],
// live: { interval, write, token } }.

const KINDS = { line: Line, bars: Bars, xy: Plane, flame: Flame, map: HeapMap };
const SCHEMA = 1;

/** A chart with its caption, its table and its button. */
class Figure {
  constructor(chart) {
    this.kind = chart.kind;
    this.view = new KINDS[chart.kind](chart);
    this.caption = element("figcaption");
    this.folded = new Folded(() => this.view.table());
    const csvOf = csvButton(chart.title, () => this.view.table());
    this.node = element("figure", {}, this.caption, this.view.node, element("div", { className: "tools" }, csvOf),
      this.folded.node);
    this.caption.textContent = visible(chart.title);
  }

  update(chart) {
    this.caption.textContent = visible(chart.title);
    this.view.update(chart);
    this.folded.update();
  }

  attached() {
    if (this.view.attached) this.view.attached();
  }
}

/** A table that stands in a section by itself. */
class Sheet {
  constructor(table) {
    this.kind = "table";
    this.table = new Table(table);
    this.node = element("div", {}, this.table.node,
      element("div", { className: "tools" }, csvButton(table.title, () => this.table.table)));
  }

  update(table) {
    this.table.update(table);
  }

  attached() {}
}

class Section {
  constructor(section) {
    this.id = section.id;
    this.parts = [];
    this.note = element("p", { className: "note" });
    this.heading = element("h2", { id: section.id + "-title" }, section.title);
    this.body = element("div");
    this.node = element("section", { id: section.id, "aria-labelledby": section.id + "-title" }, this.heading,
      this.note, this.body);
    this.update(section);
  }

  update(section) {
    const wanted = [...(section.charts || []), ...(section.tables || []).map((t) => ({ ...t, kind: "table" }))];
    this.note.textContent = visible(section.note || "");
    const same = wanted.length === this.parts.length && wanted.every((w, i) => w.kind === this.parts[i].kind);
    if (same) {
      this.parts.forEach((part, i) => part.update(wanted[i]));
      return;
    }
    this.parts = wanted.map((w) => (w.kind === "table" ? new Sheet(w) : new Figure(w)));
    this.body.replaceChildren(...this.parts.map((part) => part.node));
    if (this.node.isConnected) this.attached();
  }

  attached() {
    this.parts.forEach((part) => part.attached());
  }
}

class Page {
  constructor() {
    this.main = document.getElementById("main");
    this.sections = new Map();
    this.figures = element("dl", { className: "figures" });
    this.missing = element("section", { id: "missing", "aria-label": "Left out" });
  }

  showHead(data) {
    document.title = visible(data.title);
    document.getElementById("title").textContent = visible(data.title);
    document.getElementById("subtitle").textContent = visible(data.subtitle) + ", " +
      new Date(data.made * 1000).toLocaleString();
    this.figures.replaceChildren(...(data.figures || []).map((f) =>
      element("div", {}, element("dt", {}, f.name), element("dd", {}, human(f.value, f.unit)))));
  }

  showContents(data) {
    const links = data.sections.map((s) => element("li", {}, element("a", { href: "#" + s.id }, s.title)));
    document.getElementById("contents").replaceChildren(element("ul", {}, ...links));
  }

  showMissing(missing) {
    const lines = missing.map((m) => element("p", { className: "note" }, m.title + ": ", foreign(m.why)));
    this.missing.replaceChildren(...lines);
  }

  update(data) {
    this.showHead(data);
    this.showContents(data);
    const nodes = data.sections.map((section) => {
      const known = this.sections.get(section.id);
      if (known) known.update(section);
      else this.sections.set(section.id, new Section(section));
      return this.sections.get(section.id);
    });
    this.showMissing(data.missing || []);
    const wanted = [this.figures, ...nodes.map((s) => s.node), this.missing];
    const fresh = nodes.filter((s) => !s.node.isConnected);
    if (fresh.length || wanted.length !== this.main.children.length) this.main.replaceChildren(...wanted);
    fresh.forEach((s) => s.attached());
  }

  /** Charts on canvases have to be drawn anew when colours or the width change. */
  redraw() {
    for (const section of this.sections.values()) section.attached();
  }
}

// ---- dark and light -------------------------------------------------------------------------------------------------

function remembered() {
  try {
    return localStorage.getItem("lunalloc-theme");
  } catch {
    return null; // a file may have no storage
  }
}

function setTheme(theme, remember) {
  document.documentElement.dataset.theme = theme;
  try {
    if (remember) localStorage.setItem("lunalloc-theme", theme);
  } catch {
    // it is not remembered
  }
}

function startTheme(page) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(remembered() || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", () => {
    setTheme(dark.matches ? "dark" : "light");
    page.redraw();
  });
  document.getElementById("theme").addEventListener("click", () => {
    setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark", true);
    page.redraw();
  });
}

// ---- start ----------------------------------------------------------------------------------------------------------

function start() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const page = new Page();
  startTheme(page);
  if (data.schema !== SCHEMA) throw new Error("a report of schema " + data.schema + ", and this page knows " + SCHEMA);
  page.update(data);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (width !== innerWidth) page.redraw();
    width = innerWidth;
  });
  if (data.live) new Live(page, data.live).start();
  document.documentElement.dataset.ready = "yes";
}

start();
