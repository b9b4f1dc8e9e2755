#!/usr/bin/env bash
# Profiles of real programs: google-pprof and jeprof read them and name the functions that allocate; lua5.4, python3 and
# redis-server behave under load as they do without, and leave a profile.
. "${0%/*}/common.bash"
need google-pprof

conf=prof:true,prof_final:true,prof_accum:true,lg_prof_sample:14

# in_profile NAME PROGRAM FILE FUNCTION... -- the tool's report on the file has each function.
in_profile() {
    local name=$1 tool=${1%% *} program=$2 file=$3 function
    shift 3
    "$tool" --text "$program" "$file" >"$work/report" 2>"$work/err"
    for function in "$@"; do
        if ! grep -q " $function\$" "$work/report"; then
            cat "$work/report" "$work/err" >"$work/details"
            fail "$name: no $function" "$work/details"
            return
        fi
    done
    ok "$name"
}

cat >"$work/keeper.c" <<'END'
#include <stdlib.h>
void *kept[20000];
__attribute__((noinline)) void *keeper_of_small(void) { void *p = malloc(100); __asm__ volatile(""); return p; }
__attribute__((noinline)) void *keeper_of_large(void) { void *p = calloc(1, 200000); __asm__ volatile(""); return p; }
int main(void) {
    for (int i = 0; i < 20000; i++) kept[i] = i % 100 == 0 ? keeper_of_large() : keeper_of_small();
    return 0;
}
END
for flags in "-O2 -fno-omit-frame-pointer" "-O2 -fomit-frame-pointer" "-O0"; do
    rm -f "$work"/keeper.*.heap
    ${CC:-cc} -g $flags -fno-builtin -o "$work/keeper" "$work/keeper.c"
    LUNALLOC_CONF=$conf,prof_prefix:$work/keeper preloaded "$work/keeper"
    for tool in google-pprof jeprof; do
        command -v $tool >/dev/null || continue
        in_profile "$tool on a program built with $flags" "$work/keeper" "$work"/keeper.*.f.heap keeper_of_small \
            keeper_of_large main
    done
done

# Few allocations of a class, from the program's first on: all are there at a rate of 0, and their bytes at others.
cat >"$work/few.c" <<'END'
#include <stdlib.h>
void *kept[2000];
int main(int argc, char **argv) {
    (void)argc;
    for (int i = 0; i < atoi(argv[1]); i++) kept[i] = malloc((size_t)atoi(argv[2]));
    return 0;
}
END
${CC:-cc} -O1 -fno-builtin -o "$work/few" "$work/few.c"
# few RATE COUNT SIZE LINE TOTAL -- what is said at exit begins with LINE; the tool says TOTAL.
few() {
    rm -f "$work"/few.*.heap
    LUNALLOC_CONF=prof:true,prof_final:true,prof_leak:true,lg_prof_sample:$1,prof_prefix:$work/few \
        preloaded "$work/few" "$2" "$3" >"$work/details" 2>&1
    google-pprof --text "$work/few" "$work"/few.*.f.heap >>"$work/details" 2>/dev/null
    if grep -q "^lunalloc: leak: $4" "$work/details" && grep -qx "Total: $5" "$work/details"; then
        ok "$2 allocations of $3 bytes at a rate of 2^$1"
    else
        fail "$2 allocations of $3 bytes at a rate of 2^$1" "$work/details"
    fi
}
few 0 400 30000 "about 13107200 bytes in 400 allocations live at exit, by 400 samples" "12.5 MB"
few 10 2000 10000 "about 20[45][0-9]* bytes in" "19.5 MB"

# profiled NAME COMMAND... -- does the same as without the library, profiled; and a profile is there at its end.
profiled() {
    local -x LUNALLOC_CONF=$conf,prof_prefix:$work/profiled
    same "$@"
    if head -n 1 "$work"/profiled.*.f.heap 2>/dev/null | grep -q '^heap profile: '; then
        ok "$1: a profile"
    else
        fail "$1: no profile"
    fi
    rm -f "$work"/profiled.*
}

! command -v lua5.4 >/dev/null || profiled "lua5.4, profiled" lua5.4 "$here/work.lua"
export PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
! command -v python3 >/dev/null || profiled "python3, profiled" env PYTHONMALLOC=malloc python3 "$here/python3.py"

serve() {
    local server=$work/redis-server socket=$work/redis.sock pid
    ln -sf "$(command -v redis-check-rdb)" "$server"
    "$server" --port 0 --unixsocket "$socket" --save '' --appendonly no --loglevel warning --dir "$work" \
        >"$work/server.log" 2>&1 &
    pid=$!
    for _ in $(seq 300); do
        [ "$(LD_PRELOAD= redis-cli -s "$socket" ping 2>/dev/null)" = PONG ] && break
        sleep 0.1
    done
    LD_PRELOAD= redis-benchmark -s "$socket" -q -n 10000 -c 20 -P 4 -d 200 -t set,get,lpush,hset,mset | tr '\r' '\n' |
        sed -n '/requests per second/s/:.*//p'
    LD_PRELOAD= redis-cli -s "$socket" shutdown nosave
    wait $pid
    echo "server's exit status $?"
}
! command -v redis-benchmark >/dev/null || profiled "redis-server, profiled" serve
finish
