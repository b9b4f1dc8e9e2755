#!/bin/sh
# same.sh -- a program of a third of a second that allocates, for searches in settings that change nothing.
exec "$(command -v /usr/bin/python3 || command -v python3)" -c '
for turn in range(24):
    words = [("w%d" % i) * (i % 300) for i in range(20000)]
    print(len("".join(words)))'
