#!/usr/bin/env bash
# Programs that do nothing wrong do the same where what they free is filled and waits, and what they get is no zeros.
. "${0%/*}/common.bash"
export PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0

for conf in junk:true,quarantine:1M zero:true,quarantine:64K; do
    export LUNALLOC_CONF=$conf
    same "$conf: c++: threads, containers, exceptions" "$built/threads" 20
    ! command -v python3 >/dev/null ||
        same "$conf: python3, every object by malloc" env PYTHONMALLOC=malloc python3 "$here/python3.py"
    ! command -v perl >/dev/null || same "$conf: perl" perl "$here/perl.pl"
done
finish
