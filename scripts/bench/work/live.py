# 300,000 records of small objects live at once; each round replaces a tenth of them: argument = rounds.
import sys

LIVE = 300000


class Record:
    def __init__(self, i):
        self.name = "record %d of %d" % (i, i * 7919 % 100003)
        self.point = (i * 0.5, i * 0.25)
        self.values = [i, i + 1000, i + 2000]
        self.tags = {"kind": i % 40, "text": "lorem ipsum " * (i % 9)}


records = [Record(i) for i in range(LIVE)]
total = 0
for r in range(int(sys.argv[1])):
    for i in range(LIVE // 10):
        at = (i * 104729 + r) % LIVE
        records[at] = Record(at + r)
    total += sum(record.values[r % 3] + len(record.name) for record in records)
print(total)
