// map.js -- the heap as a grid of cells, one picture for each instant, with a slider over time.
//
// A chart: { views: [{ name, keys: [name], frames: base64, totals: [[bytes of each key], ...] }], columns, rows,
// cell_bytes, spans: [[start, end, first cell], ...], instants: [{ time, label }] }. Addresses are hexadecimal texts.
//
// frames: for each instant the cells that differ from the instant before: numbers of 7 bits a byte, the low ones first
// (128: more follow), "cells to skip, cells that follow, a byte for each: 0 empty, k + 1 for key k", until all cells
// are passed.

const KEY_COLOURS = ["c0", "c1", "c4", "c5", "c2", "c3", "c6", "c7", "c9", "c8"];
// What is not in memory is grey everywhere.
const COLOUR_OF = { active: "c0", dirty: "c1", muzzy: "c4", busy: "c5", retained: "line", absent: "line", free: "line",
  present: "c0", huge: "c2", swapped: "c5", guard: "c8", discarded: "c7", unchanged: "line" };

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Reads numbers and bytes; what is behind the end is 0. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.place = 0;
  }

  byte() {
    return this.bytes[this.place++] || 0;
  }

  number() {
    let value = 0, factor = 1, byte;
    do {
      byte = this.byte();
      value += (byte & 127) * factor;
      factor *= 128;
    } while (byte & 128 && factor < 2 ** 35);
    return value;
  }
}

/** The cells of all instants, one after another. */
function decodeFrames(base64, cells, count) {
  const reader = new Reader(bytesOf(base64));
  const all = new Uint8Array(cells * count);
  for (let frame = 0; frame < count; frame++) {
    const from = frame * cells;
    if (frame > 0) all.copyWithin(from, from - cells, from);
    for (let at = 0; at < cells;) {
      at += reader.number();
      for (let run = reader.number(); run > 0; run--, at++) {
        const value = reader.byte();
        if (at < cells) all[from + at] = value;
      }
    }
  }
  return all;
}

class HeapMap {
  constructor(chart) {
    this.view = 0;
    this.instant = Infinity; // the last one
    this.canvas = element("canvas", { tabIndex: 0 });
    this.canvas.setAttribute("role", "img");
    this.canvas.addEventListener("mousemove", (event) => this.tell(this.at(event)));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.legend = element("ul", { className: "legend" });
    this.readout = element("p", { className: "readout", role: "status" });
    this.tools = element("div", { className: "tools" });
    this.node = element("div", { className: "chart map" }, this.tools, this.canvas, this.legend, this.readout);
    this.makeTools();
    this.update(chart);
  }

  makeTools() {
    this.choice = element("select", { ariaLabel: "What the colours mean" });
    this.choice.addEventListener("change", () => this.choose(Number(this.choice.value)));
    this.slider = element("input", { type: "range", min: "0", ariaLabel: "Instant" });
    this.slider.addEventListener("input", () => this.show(Number(this.slider.value)));
    this.play = element("button", { type: "button" }, "Play");
    this.play.addEventListener("click", () => this.playing());
    this.when = element("output");
    this.tools.append(this.choice, this.play, this.slider, this.when);
  }

  playing() {
    if (this.timer) {
      clearInterval(this.timer);
      this.timer = null;
    } else {
      if (this.instant >= this.chart.instants.length - 1) this.show(0);
      this.timer = setInterval(() => {
        this.show(this.instant + 1);
        if (this.instant >= this.chart.instants.length - 1) this.playing();
      }, 100);
    }
    this.play.textContent = this.timer ? "Stop" : "Play";
  }

  choose(view) {
    this.view = view;
    this.decoded = null;
    this.drawLegend();
    this.draw();
  }

  cells() {
    const { columns, rows, instants, views } = this.chart;
    this.decoded = this.decoded || decodeFrames(views[this.view].frames, columns * rows, instants.length);
    return this.decoded;
  }

  palette() {
    const probe = document.createElement("canvas").getContext("2d");
    const parts = (name) => {
      probe.fillStyle = colour(name);
      const hex = probe.fillStyle;
      return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
    };
    const { keys, ramp } = this.chart.views[this.view];
    const [low, high] = [parts("line"), parts("c1")];
    const steps = Math.max(1, keys.length - 1);
    const ramped = (i) => low.map((from, c) => Math.round(from + ((high[c] - from) * i) / steps));
    return [parts("panel"), ...keys.map((name, i) => {
      if (Object.hasOwn(COLOUR_OF, name)) return parts(COLOUR_OF[name]);
      return ramp ? ramped(i) : parts(KEY_COLOURS[i % KEY_COLOURS.length]);
    })];
  }

  draw() {
    const { columns, rows, instants } = this.chart;
    const from = columns * rows * this.index();
    const cells = this.cells();
    const palette = this.palette();
    this.canvas.width = columns;
    this.canvas.height = rows;
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    for (let i = 0; i < columns * rows; i++) {
      const [r, g, b] = palette[cells[from + i]] || palette[0];
      image.data.set([r, g, b, 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
    this.when.textContent = instants.length ? this.label(this.index()) : "";
  }

  index() {
    return Math.max(0, Math.min(this.instant, this.chart.instants.length - 1));
  }

  label(i) {
    const { time, label } = this.chart.instants[i];
    const n = this.chart.instants.length;
    return (n > 1 ? (i + 1) + " of " + n + ": " : "") + human(time, "clock") + (label ? " " + visible(label) : "");
  }

  show(instant) {
    this.instant = instant;
    this.instant = this.index();
    this.slider.value = String(this.instant);
    this.slider.setAttribute("aria-valuetext", this.label(this.instant));
    this.draw();
    this.drawLegend();
    if (this.cell !== undefined) this.tell(this.cell);
  }

  key(event) {
    const { columns } = this.chart;
    const cell = this.cell ?? 0;
    const keys = { ArrowLeft: cell - 1, ArrowRight: cell + 1, ArrowUp: cell - columns, ArrowDown: cell + columns };
    const times = { PageUp: -1, PageDown: 1, ",": -1, ".": 1 };
    if (event.key in keys) this.tell(Math.max(0, Math.min(columns * this.chart.rows - 1, keys[event.key])));
    else if (event.key in times) this.show(this.index() + times[event.key]);
    else return;
    event.preventDefault();
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const { columns, rows } = this.chart;
    const x = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const y = Math.floor(((event.clientY - box.top) / box.height) * rows);
    return Math.max(0, Math.min(columns * rows - 1, y * columns + x));
  }

  /** The address of a cell; null between two spans. */
  address(cell) {
    let found = null;
    for (const span of this.chart.spans) {
      if (span[2] > cell) break;
      found = span;
    }
    if (!found) return null;
    const address = BigInt(found[0]) + BigInt(cell - found[2]) * BigInt(this.chart.cell_bytes);
    return address < BigInt(found[1]) ? address : null;
  }

  tell(cell) {
    this.cell = cell;
    const { keys } = this.chart.views[this.view];
    const value = this.cells()[this.index() * this.chart.columns * this.chart.rows + cell];
    const address = this.address(cell);
    this.readout.textContent = address === null ? "addresses that are left out" : "0x" + address.toString(16) + " + " +
      human(this.chart.cell_bytes, "bytes") + ": " + (value ? visible(keys[value - 1]) : "nothing");
  }

  drawLegend() {
    const { keys, totals } = this.chart.views[this.view];
    const palette = this.palette();
    const bytes = totals[this.index()] || [];
    this.legend.replaceChildren(...keys.map((name, i) => (bytes[i] || !totals.length) &&
      element("li", {}, swatch(`rgb(${palette[i + 1].join()})`), foreign(name), " " + human(bytes[i], "bytes")))
      .filter(Boolean));
  }

  attached() {
    this.draw();
  }

  update(chart) {
    const followed = !this.chart || this.instant >= this.chart.instants.length - 1;
    this.chart = chart;
    this.decoded = null;
    this.view = Math.min(this.view, chart.views.length - 1);
    this.choice.replaceChildren(...chart.views.map((view, i) => element("option", { value: String(i) }, view.name)));
    this.choice.value = String(this.view);
    this.choice.hidden = chart.views.length < 2;
    this.slider.max = String(Math.max(0, chart.instants.length - 1));
    this.slider.parentNode.hidden = false;
    this.play.hidden = this.slider.hidden = chart.instants.length < 2;
    if (followed) this.instant = Infinity;
    this.canvas.setAttribute("aria-label", chart.title + ", " + chart.columns + " by " + chart.rows + " cells of " +
      human(chart.cell_bytes, "bytes") + ": arrow keys read cells, comma and period move in time. The table below " +
      "has the sums of each instant.");
    this.show(this.index());
  }

  table() {
    const view = this.chart.views[this.view];
    return { title: this.chart.title + " by " + view.name,
      columns: [{ name: "time", unit: "clock" }, { name: "instant" },
        ...view.keys.map((name) => ({ name, unit: "bytes" }))],
      rows: this.chart.instants.map(({ time, label }, i) => [time, label ?? "", ...(view.totals[i] || [])]) };
  }
}
