// flame.js -- a flame graph of stacks: each function above its caller, as wide as its bytes.
//
// A chart: { names: [text], parents: [node], functions: [index of a name], views: [{ name, unit, values: [number] }],
// rest }. Node 0 is the root; a parent stands before its children. values: what a node has without its children.

const FLAME_ROW = 18; // pixels
const NARROWEST = 0.4;
const DEEPEST = 100; // rows that are drawn; what is deeper is seen when a function is opened
const WARM = ["#f6c177", "#f2a65a", "#eb8f5b", "#f7d08a", "#e9a178", "#f0b67f", "#e8c07d"];

class Flame {
  constructor(chart) {
    this.view = 0;
    this.root = this.cursor = 0;
    this.search = "";
    this.canvas = element("canvas", { tabIndex: 0 });
    this.canvas.setAttribute("role", "img");
    this.readout = element("p", { className: "readout", role: "status" });
    this.tools = element("div", { className: "tools" });
    this.node = element("div", { className: "chart flame" }, this.tools, this.canvas, this.readout);
    this.canvas.addEventListener("click", (event) => this.open(this.at(event)));
    this.canvas.addEventListener("mousemove", (event) => this.tell(this.at(event)));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.update(chart);
    this.makeTools();
  }

  makeTools() {
    const choice = element("select", { ariaLabel: "What the widths mean" });
    this.chart.views.forEach((view, i) => choice.append(element("option", { value: String(i) }, view.name)));
    choice.addEventListener("change", () => this.choose(Number(choice.value)));
    const find = element("input", { type: "search", placeholder: "find a function", ariaLabel: "Find a function" });
    find.addEventListener("input", () => {
      this.search = find.value.toLowerCase();
      this.draw();
      this.tellFound();
    });
    const all = element("button", { type: "button" }, "Show all");
    all.addEventListener("click", () => this.open(0));
    this.tools.replaceChildren(choice, find, all);
  }

  choose(view) {
    this.view = view;
    this.sum();
    this.draw();
  }

  /** Totals of the nodes in this view, and their children, the largest first. */
  sum() {
    const { parents } = this.chart;
    this.totals = Float64Array.from(this.chart.views[this.view].values);
    this.children = parents.map(() => []);
    for (let i = parents.length - 1; i > 0; i--) {
      this.totals[parents[i]] += this.totals[i];
      this.children[parents[i]].push(i);
    }
    for (const list of this.children) list.sort((a, b) => this.totals[b] - this.totals[a]);
  }

  name(node) {
    return this.chart.names[this.chart.functions[node]];
  }

  matches(node) {
    return this.search !== "" && this.name(node).toLowerCase().includes(this.search);
  }

  /** The places of all nodes that are wide enough: { node, x, width, depth }; the callers of the root above it. */
  layout(width) {
    const placed = [];
    let depth = 0;
    for (let node = this.root; node > 0 && depth < DEEPEST / 2; node = this.chart.parents[node]) depth++;
    for (let node = this.root, up = depth; up > 0; node = this.chart.parents[node]) {
      up--;
      placed.push({ node: this.chart.parents[node], x: 0, width, depth: up });
    }
    const scale = width / (this.totals[this.root] || 1);
    const left = [{ node: this.root, x: 0, depth }];
    while (left.length) {
      const { node, x, depth: at } = left.pop();
      const wide = this.totals[node] * scale;
      if (wide < NARROWEST || at >= DEEPEST) continue;
      placed.push({ node, x, width: wide, depth: at });
      let next = x;
      for (const child of this.children[node]) {
        left.push({ node: child, x: next, depth: at + 1 });
        next += this.totals[child] * scale;
      }
    }
    return placed;
  }

  resize(placed) {
    const ratio = window.devicePixelRatio || 1;
    const deepest = placed.reduce((most, p) => Math.max(most, p.depth), 0);
    this.canvas.width = this.width * ratio;
    this.canvas.height = (deepest + 1) * FLAME_ROW * ratio;
    this.canvas.style.height = (deepest + 1) * FLAME_ROW + "px";
    return ratio;
  }

  paint(context, p, colours) {
    const y = p.depth * FLAME_ROW;
    const found = this.matches(p.node);
    context.fillStyle = found ? colours.found : colours.warm[this.chart.functions[p.node] % colours.warm.length];
    context.globalAlpha = this.search && !found ? 0.35 : p.depth === 0 || p.node === 0 ? 0.6 : 0.85;
    context.fillRect(p.x, y, Math.max(p.width - 0.5, 0.5), FLAME_ROW - 1);
    context.globalAlpha = 1;
    if (p.node === this.cursor && document.activeElement === this.canvas) {
      context.strokeStyle = colours.text;
      context.lineWidth = 2;
      context.strokeRect(p.x + 1, y + 1, p.width - 2, FLAME_ROW - 3);
    }
    if (p.width > 30) {
      context.fillStyle = "#000";
      const text = visible(this.name(p.node));
      context.fillText(text.slice(0, Math.floor(p.width / 6.2)), p.x + 3, y + 13, p.width - 4);
    }
  }

  draw() {
    this.width = this.canvas.clientWidth;
    if (!this.width) return;
    this.placed = this.layout(this.width);
    const ratio = this.resize(this.placed);
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.font = "12px system-ui, sans-serif";
    const colours = { found: "#4fd5dd", text: colour("text"), warm: WARM };
    for (const p of this.placed) this.paint(context, p, colours);
  }

  attached() {
    this.draw();
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left, depth = Math.floor((event.clientY - box.top) / FLAME_ROW);
    const found = (this.placed || []).find((p) => p.depth === depth && x >= p.x && x < p.x + p.width);
    return found ? found.node : -1;
  }

  open(node) {
    if (node < 0) return;
    this.root = this.cursor = node;
    this.draw();
    this.tell(node);
  }

  share(value) {
    return human((100 * value) / (this.totals[0] || 1), "percent");
  }

  tell(node) {
    if (node < 0) return;
    const { unit } = this.chart.views[this.view];
    const own = this.chart.views[this.view].values[node];
    this.readout.textContent = visible(this.name(node)) + "   " + human(this.totals[node], unit) + " (" +
      this.share(this.totals[node]) + ")" + (own ? "   itself " + human(own, unit) : "");
  }

  /** What all functions that were found have together. A function below one that was found is counted once. */
  tellFound() {
    if (!this.search) return;
    let sum = 0;
    const inside = new Uint8Array(this.totals.length);
    for (let i = 0; i < this.totals.length; i++) {
      const above = i > 0 && inside[this.chart.parents[i]];
      inside[i] = above || this.matches(i) ? 1 : 0;
      if (inside[i] && !above) sum += this.totals[i];
    }
    this.readout.textContent = "found: " + human(sum, this.chart.views[this.view].unit) + " (" + this.share(sum) + ")";
  }

  /** The node that a key leads to. */
  next(key) {
    const parent = this.chart.parents[this.cursor];
    const beside = this.cursor > 0 ? this.children[parent] : [0];
    const place = beside.indexOf(this.cursor);
    return { ArrowUp: this.cursor > 0 ? parent : 0, ArrowDown: this.children[this.cursor][0] ?? this.cursor,
      ArrowLeft: beside[place - 1] ?? this.cursor, ArrowRight: beside[place + 1] ?? this.cursor }[key];
  }

  key(event) {
    const next = this.next(event.key);
    if (next !== undefined) this.cursor = next;
    else if (event.key === "Enter") this.root = this.cursor;
    else if (event.key === "Escape") this.root = this.cursor = 0;
    else return;
    event.preventDefault();
    this.draw();
    this.tell(this.cursor);
  }

  update(chart) {
    this.chart = chart;
    this.view = Math.min(this.view, chart.views.length - 1);
    this.root = this.cursor = 0; // nodes are numbered anew
    this.canvas.setAttribute("aria-label", "Flame graph of " + chart.names.length + " functions: arrow keys move, " +
      "Enter opens, Escape shows all. The table below has all functions.");
    this.sum();
    if (this.node.isConnected) this.draw();
  }

  /** Each function: what it and its callees have, and what it has itself. A function that calls itself counts once. */
  table() {
    const { names, parents, functions, views } = this.chart;
    const rows = names.map((name) => [name, ...views.flatMap(() => [0, 0])]);
    views.forEach((view, v) => {
      const totals = Float64Array.from(view.values);
      for (let i = parents.length - 1; i > 0; i--) totals[parents[i]] += totals[i];
      for (let i = 1; i < parents.length; i++) {
        const row = rows[functions[i]];
        row[2 * v + 2] += view.values[i];
        let up = parents[i];
        while (up > 0 && functions[up] !== functions[i]) up = parents[up];
        if (up <= 0) row[2 * v + 1] += totals[i];
      }
    });
    const used = rows.filter((row, i) => i !== functions[0]).sort((a, b) => b[1] - a[1]);
    return { title: this.chart.title, rows: used, columns: [{ name: "function" },
      ...views.flatMap((v) => [{ name: v.name, unit: v.unit }, { name: v.name + ", itself", unit: v.unit }])] };
  }
}
