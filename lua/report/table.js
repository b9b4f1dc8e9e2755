// table.js -- tables: sorted by a click on a column's title, saved as CSV. Each chart has one behind it.
//
// A table: { title, columns: [{ name, unit }], rows: [[value, ...], ...], more }. `more` rows were left out.

const ROWS_SHOWN = 500;

/** A field as RFC 4180 has it. A text that a spreadsheet would take for a formula gets an apostrophe. */
function csvField(value) {
  if (value === null || value === undefined) return "";
  let text = String(value);
  if (typeof value !== "number" && /^[=+\-@\t\r]/.test(text)) text = "'" + text;
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}

function csv(table) {
  const titles = table.columns.map((c) => (c.unit && c.unit !== "text" ? c.name + " (" + c.unit + ")" : c.name));
  return [titles, ...table.rows].map((row) => row.map(csvField).join(",")).join("\r\n") + "\r\n";
}

function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = element("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** A button that saves what `read()` returns, a table. */
function csvButton(name, read) {
  const made = element("button", { type: "button", className: "csv" }, "CSV");
  made.setAttribute("aria-label", "Save " + name + " as CSV");
  made.addEventListener("click", () => save(name.toLowerCase().replace(/[^a-z0-9]+/g, "-") + ".csv", csv(read())));
  return made;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a ?? "").localeCompare(String(b ?? ""));
}

function cell(value, column) {
  const number = typeof value === "number";
  const made = element("td", { className: number ? "number" : "" });
  made.append(number ? human(value, column.unit) : foreign(value ?? ""));
  if (number && column.unit === "bytes") made.title = value + " bytes";
  return made;
}

class Table {
  constructor(table) {
    this.sorted = null; // { column, down }
    this.head = element("tr");
    this.body = element("tbody");
    this.caption = element("caption");
    this.more = element("p", { className: "note" });
    const inner = element("table", {}, this.caption, element("thead", {}, this.head), this.body);
    this.node = element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": table.title }, inner);
    this.node.append(this.more);
    this.update(table);
  }

  title(column, i) {
    const button = element("button", { type: "button" }, visible(column.name));
    button.addEventListener("click", () => this.sort(i));
    const made = element("th", { scope: "col" }, button);
    if (this.sorted && this.sorted.column === i) {
      made.setAttribute("aria-sort", this.sorted.down ? "descending" : "ascending");
    }
    return made;
  }

  sort(column) {
    const down = this.sorted && this.sorted.column === column ? !this.sorted.down
      : typeof (this.table.rows[0] || [])[column] === "number";
    this.sorted = { column, down };
    this.draw();
  }

  rows() {
    if (!this.sorted) return this.table.rows;
    const { column, down } = this.sorted;
    const rows = [...this.table.rows].sort((a, b) => compare(a[column], b[column]));
    return down ? rows.reverse() : rows;
  }

  update(table) {
    this.table = table;
    this.draw();
  }

  draw() {
    const { columns, title, more } = this.table;
    const rows = this.rows();
    this.caption.textContent = title;
    this.head.replaceChildren(...columns.map((column, i) => this.title(column, i)));
    this.body.replaceChildren(...rows.slice(0, ROWS_SHOWN).map((row) =>
      element("tr", {}, ...columns.map((column, i) => cell(row[i], column)))));
    const hidden = rows.length - Math.min(rows.length, ROWS_SHOWN);
    this.more.textContent = (hidden ? hidden + " more rows are in the CSV. " : "") +
      (more ? more + " rows were left out of the report." : "");
  }
}

/** A table that is closed until it is asked for, so a report with many opens fast. read() returns the table. */
class Folded {
  constructor(read) {
    this.read = read;
    this.node = element("details", {}, element("summary", {}, "Table"));
    this.node.addEventListener("toggle", () => this.update());
  }

  update() {
    if (!this.node.open) return;
    if (this.table) this.table.update(this.read());
    else this.node.append((this.table = new Table(this.read())).node);
  }
}
