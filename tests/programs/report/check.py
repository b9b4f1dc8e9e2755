"""check.py FOLDER -- what a browser does with reports: small.html (made up, hostile), plain.html (the same, without
the chart library), real.html (of a process). cells.txt: the cells of the third instant of small.html."""
import csv
import io
import json
import os
import sys

sys.dont_write_bytecode = True
from browser import Browser  # noqa: E402

folder = sys.argv[1]
passed = failed = 0


def check(name, good, details=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(("ok   " if good else "FAIL ") + name)
    if not good:
        print("     | " + str(details)[:400])


def url(name):
    return "file://" + os.path.join(folder, name)


def data_of(browser):
    return json.loads(browser.run("document.getElementById('data').textContent"))


# Buttons save files by links to blobs: this keeps their texts instead.
CATCH = """(() => { window.saved = [];
URL.createObjectURL = (blob) => { blob.text().then((text) => window.saved.push(text)); return "#saved"; };
HTMLAnchorElement.prototype.click = function () {}; })()"""


def saved_csv(browser, selector):
    """The rows that the CSV button of an element saves."""
    browser.run("window.saved.length = 0")
    browser.run(f"document.querySelector({json.dumps(selector)}).click()")
    assert browser.until("window.saved.length === 1")
    return list(csv.reader(io.StringIO(browser.run("window.saved[0]"), newline="")))


def check_opened(browser, name):
    browser.requests.clear()
    browser.complaints.clear()
    browser.open(url(name))
    check(name + ": it is drawn", browser.run("document.documentElement.dataset.ready") == "yes", browser.complaints)
    check(name + ": no complaint", browser.complaints == [], browser.complaints)
    check(name + ": no request but for itself", browser.requests == [url(name)], browser.requests)


def check_hostile(browser):
    check("hostile names run nothing", browser.run("window.attacked") is None)
    check("hostile names make no element", browser.run(
        "document.querySelectorAll('main img, main script, main iframe, main a, svg[onload]').length") == 0)
    heading = browser.run("document.getElementById('title').textContent")
    check("they are shown as texts", heading == '<img src=x onerror="window.attacked=1">', heading)
    legend = browser.run("document.querySelector('#timeline .legend').textContent")
    check("marks of direction are spelled out", "\\u202egnp" in legend and "\u202e" not in legend, legend)
    script = "(() => { const s = document.createElement('script'); s.textContent = 'window.attacked = 2';" \
        "document.body.append(s); return window.attacked; })()"
    check("the policy runs no other script", browser.run(script) is None)
    browser.complaints.clear()


def check_tables(browser):
    charts = browser.run("document.querySelectorAll('figure').length")
    tables = browser.run("document.querySelectorAll('figure details').length")
    buttons = browser.run("document.querySelectorAll('figure button.csv').length")
    check("each chart has a table and a CSV", charts == tables == buttons and charts >= 5, (charts, tables, buttons))
    browser.run("document.querySelectorAll('figure details').forEach((d) => { d.open = true; })")
    check("tables are made when they are opened", browser.until(
        "[...document.querySelectorAll('figure details')].every((d) => d.querySelector('tbody tr'))"))
    unlabelled = browser.run("[...document.querySelectorAll('canvas, svg, input, select, button')].filter((e) => "
                             "!(e.getAttribute('aria-label') || e.ariaLabel || e.textContent || e.closest('label') || "
                             "e.closest('[aria-label]'))).length")
    check("each control and picture has a name", unlabelled == 0, unlabelled)


def check_csv(browser):
    data = data_of(browser)
    browser.run(CATCH)
    line = data["sections"][0]["charts"][0]
    rows = saved_csv(browser, "#timeline button.csv")
    values = {float(row[0]): row[1:4] for row in rows[1:] if row[4] == ""}
    wanted = {x: ["" if s["values"][i] is False else str(s["values"][i]) for s in line["series"]]
              for i, x in enumerate(line["x"])}
    check("CSV of a time line equals the data", values == wanted, (len(values), len(wanted)))
    check("CSV has the marks", sum(row[4] != "" for row in rows[1:]) == 2)
    bars = data["sections"][2]["charts"][0]
    rows = saved_csv(browser, "#waste button.csv")
    check("CSV of bars equals the data",
          [[int(v) for v in row[1:]] for row in rows[1:]] == [row["values"] for row in bars["rows"]], rows[:3])
    check("a formula gets an apostrophe", any(row[0].startswith("'=cmd") for row in rows), rows)
    rows = saved_csv(browser, "#threads button.csv")
    check("CSV of a table has all rows", len(rows) == 21 and rows[1][0] == "1", rows[:2])
    total = sum(data["sections"][3]["charts"][0]["views"][0]["values"])
    rows = saved_csv(browser, "#flame button.csv")
    check("CSV of the flame graph has all bytes", sum(int(row[2]) for row in rows[1:]) == total, rows[:3])


def check_map(browser, cells):
    slide = "(() => { const s = document.querySelector('#map input[type=range]'); s.value = '2';" \
        "s.dispatchEvent(new Event('input')); })()"
    browser.run(slide)
    colours = browser.run("""(() => { const c = document.querySelector('#map canvas');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        return Array.from({ length: c.width * c.height }, (_, i) => d.slice(4 * i, 4 * i + 3).join()); })()""")
    of_key = {}
    for key, colour in zip(cells, colours):
        of_key.setdefault(key, set()).add(colour)
    check("the map draws the cells of the instant", len(colours) == len(cells) == 4096 and
          all(len(c) == 1 for c in of_key.values()) and len({min(c) for c in of_key.values()}) == 5, of_key)
    browser.run("document.querySelector('#map canvas').focus()")
    browser.press("ArrowRight")
    readout = browser.run("document.querySelector('#map .readout').textContent")
    check("arrow keys read a cell", readout.startswith("0x7f0000001000 + 4 KiB: "), readout)
    browser.press(".")
    instant = browser.run("document.querySelector('#map input[type=range]').value")
    check("a period shows the next instant", instant == "3", instant)


def check_keys(browser):
    browser.run("document.querySelector('#timeline .line').focus()")
    browser.press("Home")
    first = browser.run("document.querySelector('#timeline .readout').textContent")
    browser.press("ArrowRight")
    second = browser.run("document.querySelector('#timeline .readout').textContent")
    check("arrow keys read a time line", first and second and first != second, (first, second))
    browser.run("document.querySelector('#flame canvas').focus()")
    browser.press("ArrowDown")
    browser.press("Enter")
    readout = browser.run("document.querySelector('#flame .readout').textContent")
    check("keys open a function of the flame graph", "(" in readout and not readout.startswith("all "), readout)
    browser.run("(() => { const f = document.querySelector('#flame input'); f.value = 'gnp';"
                "f.dispatchEvent(new Event('input')); })()")
    check("a function is found", browser.run("document.querySelector('#flame .readout').textContent")
          .startswith("found: "))
    order = browser.run("""[...document.querySelectorAll('a, button, input, select, summary, canvas, [tabindex]')]
        .filter((e) => e.tabIndex > 0).length""")
    check("the order of the Tab key is the order of reading", order == 0)


def check_sort(browser):
    first = "document.querySelector('#threads tbody tr td').textContent"
    browser.run("document.querySelectorAll('#threads th button')[0].click()")
    check("a click on a title sorts, largest first", browser.run(first) == "20", browser.run(first))
    browser.run("document.querySelectorAll('#threads th button')[0].click()")
    check("another click turns it round", browser.run(first) == "1", browser.run(first))


BACK = "getComputedStyle(document.body).backgroundColor"


def check_looks(browser, name):
    browser.emulate(prefers_color_scheme="light")
    browser.open(url(name))
    light = browser.run(BACK)
    browser.run("document.getElementById('theme').click()")
    dark = browser.run(BACK)
    check("the button makes it dark", light == "rgb(255, 255, 255)" and dark != light, (light, dark))
    browser.run("localStorage.clear()")
    browser.emulate(prefers_color_scheme="dark")
    browser.open(url(name))
    check("a dark system has a dark report", browser.run(BACK) == dark, browser.run(BACK))
    browser.emulate(media="print", prefers_color_scheme="dark")
    check("on paper it is light, without buttons", browser.run(BACK) == "rgb(255, 255, 255)" and browser.run(
        "getComputedStyle(document.querySelector('.tools')).display") == "none", browser.run(BACK))
    browser.emulate()


with Browser() as browser:
    check_opened(browser, "small.html")
    check_hostile(browser)
    check_tables(browser)
    check_csv(browser)
    with open(os.path.join(folder, "cells.txt")) as file:
        check_map(browser, file.read().strip())
    check_keys(browser)
    check_sort(browser)
    check("no complaint after all that", browser.complaints == [], browser.complaints)
    check_looks(browser, "small.html")
    check_opened(browser, "plain.html")
    check("without the library time lines are drawn, too", browser.run(
        "typeof Dygraph === 'undefined' && document.querySelectorAll('#timeline svg path').length") == 3)
    check_opened(browser, "real.html")
    check("a real report has its sections", browser.run(
        "['timeline', 'map', 'waste', 'threads', 'settings'].every((id) => document.getElementById(id))"),
        browser.run("document.getElementById('main').textContent.slice(0, 300)"))
    check("what became of each address is a map, too", browser.run(
        "document.querySelectorAll('#difference canvas').length") == 1)
    check("its legend has bytes that did not change", browser.run(
        "document.querySelector('#difference .map .legend').textContent").startswith("unchanged "),
        browser.run("document.querySelector('#difference .map .legend').outerHTML"))
    if os.path.exists(os.path.join(folder, "core.html")):
        check_opened(browser, "core.html")

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
