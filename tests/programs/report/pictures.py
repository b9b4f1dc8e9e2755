"""pictures.py FROM TO -- pictures of the reports that scripts/pictures makes."""
import os
import sys

sys.dont_write_bytecode = True
from browser import Browser  # noqa: E402

source, target = map(os.path.abspath, sys.argv[1:3])


CHOOSE = """(() => { const s = document.querySelector('#map select');
s.value = [...s.options].find((o) => o.textContent === 'occupancy').value; s.dispatchEvent(new Event('change')); })()"""


def shot(browser, page, selector, name, before=""):
    browser.open(f"file://{source}/{page}")
    browser.run("document.querySelectorAll('figure > .tools, details, .readout').forEach((e) => e.remove())")
    if before:
        browser.run(before)
    browser.part(selector, f"{target}/report-{name}.png")


with Browser(width=800, height=700) as browser:
    browser.emulate(prefers_color_scheme="light")
    shot(browser, "redis.html", "#timeline figure", "timeline")
    shot(browser, "redis.html", "#map figure", "map", CHOOSE)
    shot(browser, "redis.html", "#flame figure", "code")
    shot(browser, "change.html", "#difference figure:has(.map)", "change")
    shot(browser, "trace.html", "#trace figure", "trace")
    browser.emulate(prefers_color_scheme="dark")
    shot(browser, "replay.html", "#result figure", "replay")
