#!/usr/bin/env bash
# The HTTP layer of the console (console/http.c) under hostile requests: cut, too long, wrong, slow, random. With
# VARIANT=asan the one of build/asan is tested, in stock lua5.4 with the sanitizer in front.
#
# HTTP_ROUNDS=N sends N random requests in place of 200, and HTTP_SEED=N others.
. "${0%/*}/common.bash"
[ -z "${VARIANT:-}" ] || build=$root/build/$VARIANT
if [ ! -e "$build/lua/lunalloc/http.so" ]; then
    skipped=$((skipped + 1))
    echo "skip ${0##*/}: built without libmicrohttpd or zlib"
    finish
fi
need python3
need lua5.4
trap 'kill "$server" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT

preload=
[ "${VARIANT:-}" != asan ] || preload=$(${CC:-cc} -print-file-name=libasan.so)
LD_PRELOAD=$preload LUA_CPATH="$build/lua/?.so" lua5.4 "$here/report/http_server.lua" >"$work/out" 2>"$work/err" &
server=$!
for _ in $(seq 600); do [ -s "$work/out" ] && break; sleep 0.1; done
python3 "$here/report/http_hostile.py" "$(head -n 1 "$work/out")" "${HTTP_ROUNDS:-200}" "${HTTP_SEED:-1}" \
    >"$work/client" 2>&1
grep -vE '^[0-9]+ passed' "$work/client"
passed=$((passed + $(grep -c '^ok ' "$work/client")))
failed=$((failed + $(grep -c '^FAIL ' "$work/client")))
grep -qE '^[0-9]+ passed' "$work/client" || fail "the client's end" "$work/client"
kill "$server" 2>/dev/null
wait "$server" 2>/dev/null
status=$?
if [ "$status" = 0 ]; then ok "SIGTERM ends it"; else fail "it ends with status $status" "$work/err"; fi
if grep -q $'^ended\t3$' "$work/out"; then ok "run() raises the errors of answers"; else fail "errors" "$work/out"; fi
if [ -s "$work/err" ]; then fail "it complains about nothing" "$work/err"; else ok "it complains about nothing"; fi
finish
