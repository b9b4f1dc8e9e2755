// values.js -- figures and texts for people: units, colours, hidden characters.

const SCALES = { bytes: [1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]], count: [1000, ["", "k", "M", "G", "T"]] };
const TIMES = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [0, "ns"]];

function short(value) {
  return Math.abs(value) >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toPrecision(3);
}

function scaled(value, [base, names]) {
  let i = 0;
  while (Math.abs(value) >= base && i < names.length - 1) {
    value /= base;
    i++;
  }
  return names[i] ? short(value) + " " + names[i] : short(value);
}

function duration(ns) {
  const [size, name] = TIMES.find(([unit]) => Math.abs(ns) >= unit);
  return ns === 0 ? "0 s" : short(ns / (size || 1)) + " " + name;
}

/** The time of day, of seconds since 1970. */
function clock(seconds) {
  return new Date(seconds * 1000).toTimeString().slice(0, 8);
}

/** A value of a unit, as people read it: "12.3 MiB". */
function human(value, unit) {
  if (value === null || value === undefined || value === "") return "";
  if (typeof value !== "number") return visible(value);
  if (unit === "ns") return duration(value);
  if (unit === "s") return duration(value * 1e9);
  if (unit === "clock") return clock(value);
  if (unit === "percent") return short(value) + " %";
  if (unit === "plain") return String(value);
  return scaled(value, SCALES[unit] || SCALES.count);
}

const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** A text in which control characters and marks of direction are spelled out: names are chosen by other programs. */
function visible(text) {
  return String(text).replace(HIDDEN, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

/** The value of a colour variable of the style sheet. */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function seriesColour(i) {
  return "var(--c" + (i % 10) + ")";
}

/** An element with properties, and children: elements or texts. Nothing is ever parsed as HTML. */
function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name.includes("-") || name === "role" || name === "for" || name === "scope") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A text of another program, kept apart from the direction of what stands beside it. */
function foreign(text) {
  return element("bdi", {}, visible(text));
}

/** A small square of a colour, for legends. */
function swatch(background) {
  const made = element("i", { "aria-hidden": "true" });
  made.style.background = background;
  return made;
}
