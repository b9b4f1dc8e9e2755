"""live.py URL read|write PID -- the page of `lunalloc serve --web` in a browser. PID is the process that it shows, and
is ended here, as is the server (the parent of no one: its pid is the fourth argument)."""
import os
import signal
import sys

sys.dont_write_bytecode = True
from browser import Browser  # noqa: E402

url, mode, pid, server = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
passed = failed = 0


def check(name, good, details=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(("ok   " if good else "FAIL ") + name)
    if not good:
        print("     | " + str(details)[:400])


STATUS = "document.getElementById('status').textContent"
MADE = "document.getElementById('subtitle').textContent"
RESULT = "document.querySelector('header > .readout').textContent"


def check_changes(browser):
    forms = browser.run("document.querySelectorAll('form').length")
    if mode == "read":
        check("read-only: nothing can be changed", forms == 0, forms)
        return
    check("there are forms to change something", forms == 2, forms)
    fill = """(() => { const f = document.querySelector('form'); f.elements.name.value = %r;
        f.elements.value.value = %r; f.requestSubmit(); })()"""
    browser.run(fill % ("arena.4096.dirty_decay_ms", "1234"))
    check("a setting is changed", browser.until(RESULT + " === 'arena.4096.dirty_decay_ms = 1234'"),
          browser.run(RESULT))
    browser.run(fill % ("arena.4096.dirty_decay", "1"))
    check("a mistake is explained", browser.until(RESULT + ".includes('did you mean')"), browser.run(RESULT))
    browser.complaints.clear()  # the browser reports the status of that answer
    browser.run("document.querySelectorAll('form')[1].requestSubmit()")
    check("memory is purged", browser.until(RESULT + " === 'purged'"), browser.run(RESULT))
    check("the change is marked in the time lines", browser.until(
        "document.querySelector('#timeline .legend').textContent.includes('dirty_decay_ms = 1234')"),
        browser.run("document.querySelector('#timeline .legend').textContent"))


with Browser() as browser:
    browser.open(url)
    check("the page is drawn", browser.run("document.documentElement.dataset.ready") == "yes", browser.complaints)
    check("no complaint", browser.complaints == [], browser.complaints)
    first = browser.run(MADE)
    check("new data arrive", browser.until(f"{MADE} !== {first!r}"))
    check("the map has more instants", browser.until(
        "Number(document.querySelector('#map input[type=range]').max) >= 2"))
    browser.run("document.querySelector('#threads th button').click()")
    check("a table stays sorted", browser.until("document.querySelector('#threads th[aria-sort]') !== null"))
    check_changes(browser)
    check("all requests are to this server", all(r.startswith(url) for r in browser.requests), browser.requests)
    check("no complaint after that", browser.complaints == [], browser.complaints)
    os.kill(pid, signal.SIGKILL)
    check("a process that ends is told", browser.until(STATUS + ".includes('has ended')"), browser.run(STATUS))
    check("what was seen last remains", browser.run("document.querySelectorAll('#map canvas').length") == 1)
    os.kill(server, signal.SIGTERM)
    check("a server that ends is told", browser.until(STATUS + ".includes('does not answer')"), browser.run(STATUS))
    if len(sys.argv) > 5:
        browser.look(sys.argv[5])

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
