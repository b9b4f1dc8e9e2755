"""bench.py FILE -- what a report costs a browser: seconds until it is drawn, milliseconds to show another instant of
the heap map (the median and the longest of 60), and MB of memory of the tab (proportional set size of its process)."""
import os
import statistics
import sys

sys.dont_write_bytecode = True
from browser import Browser  # noqa: E402

SCRUB = """(async () => { const s = document.querySelector('#map input[type=range]'), taken = [];
for (let i = 0; i < 60; i++) {
  const begun = performance.now();
  s.value = String(Math.floor(Number(s.max) * ((i * 37) % 60) / 60));
  s.dispatchEvent(new Event('input'));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  taken.push(performance.now() - begun);
}
return taken; })()"""


def children(pid):
    """The pids below a process, and itself."""
    found = [pid]
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                if int(file.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found += children(int(entry))
        except OSError:
            pass
    return found


def memory_of_tab(browser):
    """MB of the largest renderer."""
    most = 0
    for pid in children(browser.process.pid):
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                if "--type=renderer" not in file.read():
                    continue
            with open(f"/proc/{pid}/smaps_rollup") as file:
                pss = next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
            most = max(most, pss / 1024)
        except OSError:
            pass
    return most


path = os.path.abspath(sys.argv[1])
opened = []
with Browser() as browser:
    for _ in range(5):
        browser.open("about:blank")
        browser.requests.clear()
        opened.append(browser.open("file://" + path))
    taken = browser.run(SCRUB)
    memory = memory_of_tab(browser)
    print(f"{os.path.getsize(path) / 1e6:.2f} MB; opens in {statistics.median(opened):.2f} s "
          f"({min(opened):.2f} to {max(opened):.2f}); scrubs in {statistics.median(taken):.1f} ms "
          f"(at most {max(taken):.1f}); tab {memory:.0f} MB; {len(browser.requests) - 1} further requests; "
          f"{len(browser.complaints)} complaints")
sys.exit(0 if len(browser.requests) == 1 and not browser.complaints else 1)
