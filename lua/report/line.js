// line.js -- time lines, by dygraphs; by xy.js where the page was built without it.
//
// A chart: { unit, x: [seconds], xunit: "clock" (seconds since 1970) or "s", series: [{ name, values }],
// marks: [{ x, text }], connect }. What is missing is false; with connect, lines pass over it. The library gets numbers
// only: it would take names for HTML.

const ZOOM = 1.5;
const MARKS_LISTED = 12; // the others are in the table

// Its legend is ours; and it would write a style attribute, which the page's policy forbids.
if (typeof Dygraph !== "undefined") Dygraph.PLUGINS = Dygraph.PLUGINS.filter((one) => one !== Dygraph.Plugins.Legend);

function valueAt(series, i) {
  return typeof series.values[i] === "number" ? series.values[i] : null;
}

class Line {
  constructor(chart) {
    this.shown = chart.series.map((s) => !s.hidden);
    this.box = element("div", { className: "chart line", tabIndex: 0, role: "img" });
    this.legend = element("ul", { className: "legend" });
    this.readout = element("p", { className: "readout", role: "status" });
    this.node = element("div", {}, this.box, this.legend, this.readout);
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.update(chart);
  }

  rows() {
    return this.chart.x.map((x, i) => [x, ...this.chart.series.map((s) => valueAt(s, i))]);
  }

  options() {
    const { unit, xunit, series } = this.chart;
    const format = (value, of) => human(value, of);
    return { file: this.rows(), connectSeparatedPoints: Boolean(this.chart.connect),
      labels: ["x", ...series.map((_, i) => String(i))],
      colors: series.map((_, i) => colour("c" + (i % 10))), visibility: this.shown,
      gridLineColor: colour("line"), axisLineColor: colour("line"),
      axes: { x: { axisLabelFormatter: (v) => format(v, xunit), pixelsPerLabel: 90 },
        y: { axisLabelFormatter: (v) => format(v, unit), axisLabelWidth: 70, labelsKMG2: unit === "bytes" } } };
  }

  make() {
    const { file, ...options } = this.options();
    this.graph = new Dygraph(this.box, file, { ...options, legend: "never", includeZero: true, strokeWidth: 1.6,
      highlightCircleSize: 4,
      highlightCallback: (event, x, points, row) => this.tell(row),
      underlayCallback: (canvas, area, graph) => this.drawMarks(canvas, area, graph) });
  }

  drawMarks(canvas, area, graph) {
    canvas.save();
    canvas.strokeStyle = colour("c5");
    canvas.setLineDash([4, 3]);
    for (const mark of this.chart.marks || []) {
      const x = graph.toDomXCoord(mark.x);
      canvas.beginPath();
      canvas.moveTo(x, area.y);
      canvas.lineTo(x, area.y + area.h);
      canvas.stroke();
    }
    canvas.restore();
  }

  /** Says the values at one place, and the marks beside it. */
  tell(row) {
    const { x, xunit, unit, series, marks } = this.chart;
    if (x[row] === undefined) return;
    this.row = row;
    const step = (x[x.length - 1] - x[0]) / Math.max(1, x.length - 1);
    const near = (marks || []).filter((m) => Math.abs(m.x - x[row]) <= Math.max(step, 0.5))
      .map((m) => "⚑ " + visible(m.text));
    this.readout.textContent = [human(x[row], xunit), ...series.flatMap((s, i) =>
      this.shown[i] ? [visible(s.name) + " " + human(valueAt(s, row), s.unit || unit)] : []), ...near].join("   ");
  }

  select(row) {
    const last = this.chart.x.length - 1;
    row = Math.max(0, Math.min(last, row));
    if (this.graph) this.graph.setSelection(row);
    this.tell(row);
  }

  zoom(factor) {
    if (!this.graph) return;
    const [low, high] = this.graph.xAxisRange();
    const middle = this.chart.x[this.row] ?? (low + high) / 2;
    this.graph.updateOptions({ dateWindow: [middle - (middle - low) * factor, middle + (high - middle) * factor] });
  }

  key(event) {
    const row = this.row ?? this.chart.x.length - 1;
    const keys = { ArrowLeft: () => this.select(row - 1), ArrowRight: () => this.select(row + 1),
      PageUp: () => this.select(row - 20), PageDown: () => this.select(row + 20),
      Home: () => this.select(0), End: () => this.select(this.chart.x.length - 1),
      "+": () => this.zoom(1 / ZOOM), "-": () => this.zoom(ZOOM),
      Escape: () => this.graph && this.graph.resetZoom() };
    if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    keys[event.key]();
  }

  toggle(i, on) {
    this.shown[i] = on;
    this.draw();
  }

  drawLegend() {
    const { series, marks } = this.chart;
    const items = series.map((s, i) => {
      const box = element("input", { type: "checkbox", checked: this.shown[i] });
      box.addEventListener("change", () => this.toggle(i, box.checked));
      return element("li", {}, element("label", {}, box, " ", swatch(seriesColour(i)), foreign(s.name)));
    });
    for (const mark of (marks || []).slice(-MARKS_LISTED)) {
      items.push(element("li", {}, "⚑ " + human(mark.x, this.chart.xunit) + " ", foreign(mark.text)));
    }
    this.legend.replaceChildren(...items);
  }

  /** The same without the library. */
  drawPlain() {
    const { x, xunit, unit, series, marks, title } = this.chart;
    const shown = series.filter((_, i) => this.shown[i]);
    const chart = { title, marks, x: { name: "", unit: xunit }, y: { name: "", unit },
      series: shown.map((s) => ({ name: s.name, line: true, points: x.map((at, i) => [at, valueAt(s, i)]) })) };
    this.plane = this.plane || new Plane(chart);
    this.plane.update(chart);
    this.plane.legend.remove();
    this.box.className = "chart";
    this.box.replaceChildren(this.plane.node);
  }

  draw() {
    if (typeof Dygraph === "undefined") this.drawPlain();
    else if (!this.graph) this.make();
    else this.graph.updateOptions(this.options());
  }

  /** The library measures its box: it draws when the box is on the page. */
  attached() {
    this.draw();
  }

  update(chart) {
    this.chart = chart;
    while (this.shown.length < chart.series.length) this.shown.push(true);
    this.shown.length = chart.series.length;
    this.box.setAttribute("aria-label", chart.title + ": arrow keys move through time, + and - zoom, Escape shows all");
    this.drawLegend();
    if (this.node.isConnected) this.draw();
  }

  table() {
    const { x, xunit, unit, series, title, marks } = this.chart;
    const columns = [{ name: xunit === "clock" ? "time" : "seconds", unit: xunit },
      ...series.map((s) => ({ name: s.name, unit: s.unit || unit }))];
    const rows = x.map((at, i) => [at, ...series.map((s) => valueAt(s, i))]);
    if (!(marks || []).length) return { title, columns, rows };
    columns.push({ name: "mark" });
    for (const row of rows) row.push("");
    for (const mark of marks) rows.push([mark.x, ...series.map(() => null), mark.text]);
    rows.sort((a, b) => a[0] - b[0]);
    return { title, columns, rows };
  }
}
