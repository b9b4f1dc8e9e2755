// bars.js -- bars of parts: waste by arena and class, differences.
//
// A chart: { unit, parts: [name], rows: [{ name, values: [number] }], more }. `more` rows were left out.

const BARS_SHOWN = 40;

class Bars {
  constructor(chart) {
    this.node = element("div", { className: "chart bars" });
    this.update(chart);
  }

  row(row, most) {
    const sum = row.values.reduce((a, b) => a + b, 0);
    const strip = element("div", { "aria-hidden": "true" });
    row.values.forEach((value, i) => {
      const part = element("i", { title: this.chart.parts[i] + ": " + human(value, this.chart.unit) });
      part.style.width = (100 * Math.abs(value)) / (most || 1) + "%";
      part.style.background = seriesColour(i);
      strip.append(part);
    });
    const name = element("span", { title: visible(row.name) }, foreign(row.name));
    return element("div", { className: "bar" }, name, strip, element("b", {}, human(sum, this.chart.unit)));
  }

  update(chart) {
    this.chart = chart;
    const most = Math.max(...chart.rows.map((r) => r.values.reduce((a, b) => a + Math.abs(b), 0)), 0);
    const legend = element("ul", { className: "legend" }, ...chart.parts.map((name, i) =>
      element("li", {}, swatch(seriesColour(i)), visible(name))));
    this.node.replaceChildren(...(chart.parts.length > 1 ? [legend] : []),
      ...chart.rows.slice(0, BARS_SHOWN).map((row) => this.row(row, most)));
  }

  table() {
    const { parts, rows, title, unit, more } = this.chart;
    return { title, more, columns: [{ name: "what" }, ...parts.map((name) => ({ name, unit }))],
      rows: rows.map((r) => [r.name, ...r.values]) };
  }
}
