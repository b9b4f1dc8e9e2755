#!/usr/bin/env bash
# A machine without what the build needs: make says which command installs it, and bootstrap installs it, waiting for
# another process that holds the package lock.
. "${0%/*}/common.bash"

# ---- headers that are missing ---------------------------------------------------------------------------------------

# hint NAME PACKAGE MAKE-ARGUMENTS... -- fails, names the command, and no compiler has begun.
hint() {
    local name=$1 package=$2
    shift 2
    if $make --no-print-directory -C "$root" "B=$work/b" "O=$work/o" "$@" >"$work/out" 2>&1; then
        fail "$name: make succeeded" "$work/out"
    elif grep -q "is missing; this installs it: apt-get install $package " "$work/out" &&
        ! grep -q 'error:' "$work/out"; then
        ok "$name"
    else
        fail "$name" "$work/out"
    fi
}

hint "the module without Lua's headers" liblua5.4-dev LUA_CFLAGS= "$work/o/lua/core.o"
hint "the console without Lua's headers" liblua5.4-dev LUA_CFLAGS= "$work/o/console/main.o"
hint "the console without readline's" libreadline-dev CFLAGS=-nostdinc "$work/o/have-readline"
hint "unit tests without cmocka's" libcmocka-dev CFLAGS=-nostdinc "$work/o/tests/base/bits_test.o"

# Who builds the allocator alone needs none of them.
works "the allocator without Lua's headers" $make -s --no-print-directory -C "$root" "B=$work/b" "O=$work/o" \
    LUA_CFLAGS= "$work/o/src/base/fmt.o"

# ---- the package lock -----------------------------------------------------------------------------------------------

# A machine in a folder: its apt-get finds the lock held twice, then installs what bootstrap's group `windows` needs.
mkdir "$work/bin"
for tool in sh env sed grep sort tr cat rm mktemp id head uname; do ln -s "$(command -v $tool)" "$work/bin/"; done
printf '#!/bin/sh\nexit 0\n' >"$work/bin/sleep"
printf '#!/bin/sh\nexec "$@"\n' >"$work/bin/sudo"
cat >"$work/bin/apt-get" <<'END'
#!/bin/sh
echo call >>"$CALLS"
if [ "$(grep -c call "$CALLS")" -le "$HELD" ]; then
    echo 'E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1234 (unattended-upgr)'
    exit 100
fi
[ "$INSTALLS" = yes ] || { echo 'E: Unable to locate package'; exit 100; }
for tool in wine x86_64-w64-mingw32-gcc-posix; do
    printf '#!/bin/sh\n' >"${0%/*}/$tool"
    /bin/chmod +x "${0%/*}/$tool"
done
END
chmod +x "$work"/bin/{sleep,sudo,apt-get}

bootstrap() { # bootstrap HELD INSTALLS
    : >"$work/calls"
    rm -f "$work"/bin/wine
    PATH=$work/bin CALLS=$work/calls HELD=$1 INSTALLS=$2 "$root/scripts/bootstrap" windows >"$work/out" 2>&1
}

# says NAME PATTERN
says() {
    if grep -qE "$2" "$work/out"; then ok "$1"; else fail "$1" "$work/out"; fi
}

if bootstrap 3 yes; then ok "a held lock is waited for"; else fail "a held lock is waited for" "$work/out"; fi
says "with a message" '^bootstrap: waiting for another process: .*held by process 1234'
[ "$(grep -c waiting "$work/out")" = 1 ] && ok "said once" || fail "said once" "$work/out"
name="what cannot be installed ends it"
if bootstrap 0 no; then fail "$name" "$work/out"; else ok "$name"; fi
says "with apt-get's own words" 'Unable to locate package'
finish
