"""Deterministic work for python3.sh: the same output whatever malloc is."""

import collections
import hashlib
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import threading
import zlib


def document(seed):
    """A nested value of a few thousand nodes."""
    rng = random.Random(seed)
    return {
        f"key{i}": [rng.random(), "x" * rng.randrange(200), {"n": rng.randrange(10**30), "list": list(range(i % 17))}]
        for i in range(500)
    }


def churn(seed, results):
    """One thread: json, compression and hashing over and over."""
    digest = hashlib.sha256()
    for turn in range(5):
        text = json.dumps(document(seed * 100 + turn), sort_keys=True)
        assert json.loads(text) == document(seed * 100 + turn)
        digest.update(zlib.decompress(zlib.compress(text.encode())))
    results[seed] = digest.hexdigest()


def threads():
    results = {}
    workers = [threading.Thread(target=churn, args=(seed, results)) for seed in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for seed in sorted(results):
        print("thread", seed, results[seed])


def short_threads():
    """Many threads that live for a moment, each leaving something for another to free."""
    queue = collections.deque()
    for i in range(300):
        worker = threading.Thread(target=lambda i=i: queue.append([bytes([i % 256]) * i * 10]))
        worker.start()
        worker.join()
        if len(queue) > 10:
            queue.popleft()
    print("short threads", sum(len(item[0]) for item in queue))


def database():
    db = sqlite3.connect("test.db")
    db.execute("create table t (id integer primary key, name text, blob blob)")
    rng = random.Random(1)
    db.executemany(
        "insert into t (name, blob) values (?, ?)",
        [(f"name {rng.randrange(10**6)}", rng.randbytes(rng.randrange(2000))) for _ in range(3000)],
    )
    db.execute("create index i on t (name)")
    db.commit()
    print("rows", db.execute("select count(*), sum(length(blob)) from t").fetchone())
    print("join", db.execute("select count(*) from t a join t b on a.name = b.name").fetchone())
    db.execute("vacuum")
    db.close()


def texts():
    words = re.findall(r"\w+", " ".join(f"word{i % 977} and more" for i in range(20000)))
    print("words", collections.Counter(words).most_common(5))
    print("big number", hex(3 ** 100000)[-40:])


def children():
    """Fork and exec, and fork without exec."""
    command = [sys.executable, "-c", "print(sum(len(str(i)) for i in range(100000)))"]
    print("child", subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    for code in range(5):
        pid = os.fork()
        if pid == 0:
            value = [str(i) * 10 for i in range(10000)]
            os._exit(code if len(value) == 10000 else 99)
        print("forked child", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    threads()
    short_threads()
    database()
    texts()
    sys.stdout.flush()
    children()
