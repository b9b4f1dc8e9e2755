#!/bin/sh
# python.sh -- a Python service: it reads JSON, keeps an index of it, drops most of it, works on texts, and then waits
# for its next request. What is resident while it waits counts. Tells the time of the load:
#
#     lunalloc tune --settle 0.3s -- sh scripts/tune/python.sh
exec "$(command -v /usr/bin/python3 || command -v python3)" -c '
import json, os, random, time
begin = time.monotonic()
random.seed(1)
text = json.dumps([{"id": i, "text": "x" * random.randrange(600, 6000), "list": list(range(i % 90))}
                   for i in range(8000)])
total = 0
kept = []
for turn in range(6):
    rows = json.loads(text)
    index = {row["id"]: row["text"].upper() for row in rows}
    total += sum(len(value) for value in index.values())
    kept.append([row for row in rows if row["id"] % 9 == turn])
    del rows, index
    words = [("w%d" % i) * random.randrange(1, 400) for i in range(20000)]
    total += len("".join(words)) + len(kept)
    del words
print(total > 0, flush=True)
with open(os.environ.get("LUNALLOC_FIGURES", "/dev/null"), "w") as figures:
    print("time %.6f" % (time.monotonic() - begin), file=figures)
time.sleep(1.5)'
