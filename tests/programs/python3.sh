#!/usr/bin/env bash
# Python: its object allocator above ours, threads, and C modules that allocate much (json, zlib, sqlite3).
. "${0%/*}/common.bash"
need python3
export PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1

taken_over python3 -c pass
same "python3: threads, json, zlib, sqlite3, subprocesses" python3 "$here/python3.py"
# Every object by malloc itself, instead of Python's own pools.
same "python3: the same, PYTHONMALLOC=malloc" env PYTHONMALLOC=malloc python3 "$here/python3.py"
finish
