// xy.js -- points and lines in a plane, as SVG: latency spectra, Pareto plots; and time lines without a chart library.
//
// A chart: { x: { name, unit, scale }, y: likewise, series: [{ name, points: [[x, y, label]], line, low, high }] }.
// Scales: "linear", "log", and "nines", which spreads 0.9, 0.99, 0.999 evenly.

const SVG = "http://www.w3.org/2000/svg";
const PLANE = { width: 900, height: 300, left: 80, right: 20, top: 12, bottom: 42 };

function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const FORWARD = {
  linear: (v) => v,
  log: (v) => Math.log10(Math.max(v, 1e-9)),
  nines: (v) => -Math.log10(Math.max(1 - v, 1e-7)),
};

/** The least and the greatest of the values, apart from each other; of a linear scale with some room beside them. */
function extent(values, scale) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value === null || !Number.isFinite(value) || (scale === "log" && value <= 0)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [0, 1];
  if (low < high && !scale) return [low - (high - low) / 20, high + (high - low) / 20];
  if (low === high && scale === "log") return [low / 2, high * 2];
  if (low === high) return [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  return [low, high];
}

/** A round step, at least that: a power of two of bytes. */
function stepOf(least, unit) {
  if (unit === "bytes") return 2 ** Math.ceil(Math.log2(least));
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((m) => m * power >= least);
}

/** Round values between two, about n. */
function ticks([low, high], n, scale, unit) {
  if (scale === "nines") return [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999].filter((v) => v >= low && v <= high);
  if (scale === "log") {
    const made = [];
    for (let e = Math.ceil(Math.log10(low)); e <= Math.log10(high); e++) made.push(10 ** e);
    return made.length >= 2 ? made : [low, high];
  }
  const step = stepOf((high - low) / n, unit);
  const made = [];
  for (let v = Math.ceil(low / step) * step; v <= high; v += step) made.push(v);
  return made;
}

/** An axis: at(value) is the place of a value between `from` and `to`. */
function axisOf(spec, values, from, to) {
  const { scale } = spec;
  const range = extent(values, scale);
  const forward = FORWARD[scale || "linear"];
  const [low, high] = range.map(forward);
  return { spec, range, ticks: ticks(range, 6, scale, spec.unit),
    at: (value) => from + ((forward(value) - low) / (high - low || 1)) * (to - from) };
}

function tickText(value, spec) {
  if (spec.scale === "nines") return value === 0 ? "least" : "p" + +(value * 100).toFixed(4);
  return human(value, spec.unit);
}

class Plane {
  constructor(chart) {
    this.node = element("div", { className: "chart xy" });
    this.legend = element("ul", { className: "legend" });
    this.update(chart);
  }

  axes() {
    const { width, height, left, right, top, bottom } = PLANE;
    const all = (i) => this.chart.series.flatMap((s) => s.points.map((p) => p[i]));
    this.x = axisOf(this.chart.x, all(0), left, width - right);
    this.y = axisOf(this.chart.y, all(1), height - bottom, top);
  }

  grid() {
    const { width, height, left, right, top, bottom } = PLANE;
    const group = svg("g", { fill: "var(--soft)", stroke: "none", "font-size": 12 });
    for (const v of this.x.ticks) {
      const x = this.x.at(v);
      group.append(svg("line", { x1: x, x2: x, y1: top, y2: height - bottom, stroke: "var(--line)" }),
        svg("text", { x, y: height - bottom + 16, "text-anchor": "middle" }, tickText(v, this.x.spec)));
    }
    for (const v of this.y.ticks) {
      const y = this.y.at(v);
      group.append(svg("line", { x1: left, x2: width - right, y1: y, y2: y, stroke: "var(--line)" }),
        svg("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, tickText(v, this.y.spec)));
    }
    group.append(svg("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, this.x.spec.name));
    return group;
  }

  /** A mark at an x that was named, such as a change of a setting. */
  mark({ x, text }) {
    const at = this.x.at(x);
    return svg("g", {}, svg("title", {}, visible(text)), svg("line", { x1: at, x2: at, y1: PLANE.top,
      y2: PLANE.height - PLANE.bottom, stroke: "var(--c5)", "stroke-dasharray": "4 3" }));
  }

  point([x, y, label], series, i) {
    const text = (label || series.name) + ": " + human(x, this.x.spec.unit) + ", " + human(y, this.y.spec.unit);
    return svg("circle", { cx: this.x.at(x), cy: this.y.at(y), r: series.strong ? 6 : 4, fill: seriesColour(i) },
      svg("title", {}, visible(text)));
  }

  /** The lines of a series; a gap where a value is missing. */
  path(series, i) {
    let d = "", pen = "M";
    for (const [x, y] of series.points) {
      if (y === null || (this.y.spec.scale === "log" && y <= 0)) {
        pen = "M";
        continue;
      }
      d += pen + this.x.at(x).toFixed(1) + " " + this.y.at(y).toFixed(1);
      pen = "L";
    }
    return svg("path", { d, fill: "none", stroke: seriesColour(i), "stroke-width": 1.6 });
  }

  seriesNode(series, i) {
    const group = svg("g", {});
    if (series.line) group.append(this.path(series, i));
    if (!series.line || series.points.length <= 60) {
      group.append(...series.points.filter((p) => p[1] !== null).map((p) => this.point(p, series, i)));
    }
    return group;
  }

  update(chart) {
    this.chart = chart;
    this.axes();
    this.legend.replaceChildren(...chart.series.map((s, i) =>
      element("li", {}, swatch(seriesColour(i)), foreign(s.name))));
    const picture = svg("svg", { viewBox: `0 0 ${PLANE.width} ${PLANE.height}`, role: "img",
      "aria-label": chart.title + ": the table below has its figures" }, this.grid(),
      ...(chart.marks || []).map((m) => this.mark(m)), ...chart.series.map((s, i) => this.seriesNode(s, i)));
    this.node.replaceChildren(picture, this.legend);
  }

  table() {
    const { title, series, x, y } = this.chart;
    const rows = series.flatMap((s) => s.points.map((p) => [s.name, p[0], p[1], p[2] ?? ""]));
    return { title, rows, columns: [{ name: "series" }, x, y, { name: "what" }] };
  }
}
