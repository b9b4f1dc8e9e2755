// live.js -- a page that is served: asks for new data once an interval, and changes settings where that is allowed.
//
// The page's address holds the token; requests that change something repeat it in a header, which no other site can
// set. When the server or the process is gone, the page says so and keeps what it has.

class Live {
  constructor(page, { interval, write, token }) {
    Object.assign(this, { page, interval, token });
    this.status = document.getElementById("status");
    if (write) this.makeForms();
  }

  start() {
    this.timer = setTimeout(() => this.turn(), this.interval * 1000);
  }

  async turn() {
    try {
      const answer = await fetch("data.json", { cache: "no-store" });
      const data = await answer.json();
      if (!answer.ok) this.say(data.error, true);
      else if (!this.paused) this.show(data);
    } catch {
      this.say("lunalloc serve does not answer any more: this is the last that it told", true);
    }
    this.start();
  }

  show(data) {
    this.page.update(data);
    this.say(data.lost ? data.lost + ": this is the last that was seen" : "", Boolean(data.lost));
  }

  say(text, lost) {
    if (this.status.textContent !== visible(text)) this.status.textContent = visible(text);
    this.status.className = lost ? "lost" : "";
  }

  async send(change) {
    const answer = await fetch("change", { method: "POST", body: JSON.stringify(change),
      headers: { "Content-Type": "application/json", "X-Lunalloc-Token": this.token } });
    const { error, done } = await answer.json();
    this.result.textContent = visible(error || done);
  }

  form(name, inputs, read) {
    const made = element("form", { className: "change" }, ...inputs, element("button", {}, name));
    made.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(read()).catch((error) => (this.result.textContent = String(error)));
    });
    return made;
  }

  makeForms() {
    const name = element("input", { name: "name", required: true, value: "arena.4096.dirty_decay_ms", size: 30 });
    const value = element("input", { name: "value", required: true, placeholder: "1s", size: 10 });
    this.result = element("p", { className: "readout", role: "status" });
    document.querySelector("header").append(
      this.form("Set", [element("label", {}, "control ", name), element("label", {}, "value ", value)],
        () => ({ set: name.value, value: value.value })),
      this.form("Purge", [], () => ({ purge: true })), this.result);
  }
}
