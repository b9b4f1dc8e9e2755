#!/usr/bin/env bash
# Processes that cannot help are read: stopped, wedged, under load, of other builds, linked with the archive, with the
# library deleted; and their core files. What is read is compared with what the process said of itself (reader.lua).
. "${0%/*}/common.bash"

subject=$built/reader_subject
# What a process says of itself must not change before it is read.
quiet=background_thread:false
started=()
# Ends what was started, also when the script is interrupted.
trap 'for pid in "${started[@]}"; do kill -9 "$pid" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$work"' EXIT

# begin COMMAND... -- starts it in the background, and waits until it says "ready", or prints anything; its number is
# in $pid.
begin() {
    rm -f "$work/out"
    "$@" >"$work/out" 2>"$work/err" &
    pid=$!
    started+=("$pid")
    for _ in {1..600}; do
        [ ! -s "$work/out" ] || return 0
        sleep 0.05
    done
    fail "$1 ${2-} has begun" "$work/err"
    return 1
}

end() {
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}

# await_stop -- until it has stopped itself.
await_stop() {
    for _ in {1..600}; do
        case $(cut -d' ' -f3 "/proc/$pid/stat") in T*) return ;; esac
        sleep 0.02
    done
}

# equal NAME TARGET REPORT
equal() {
    if "$console" "$here/reader.lua" "$2" "$3" >"$work/details" 2>&1 </dev/null; then
        ok "$1 ($(sed -n 's/^compared: //p' "$work/details"))"
    else
        fail "$1" "$work/details"
    fi
}

# lua NAME CODE -- runs code with la, and t attached to $pid by reading alone; `done` must be its last word.
lua() {
    local code="local la = require 'lunalloc' local t = assert(la.attach($pid, {way = 'memory'})) $2 print 'done'"
    if timeout 60 "$console" -e "$code" >"$work/details" 2>&1 </dev/null &&
        [ "$(tail -n 1 "$work/details")" = "done" ]; then
        ok "$1"
    else
        fail "$1" "$work/details"
    fi
}

# refused NAME PATTERN CODE -- the code fails with one line like that, and exit status 1.
refused() {
    "$console" -e "$3" >"$work/details" 2>&1 </dev/null
    local status=$?
    if [ $status = 1 ] && grep -qE "$2" "$work/details" && [ "$(wc -l <"$work/details")" = 1 ]; then
        ok "$1"
    else
        echo "exit status $status" >>"$work/details"
        fail "$1" "$work/details"
    fi
}

# attach PATH -- code that attaches to a core file, and fails with the message alone.
attach() {
    echo "local t, message = require('lunalloc').attach('$1')
        if not t then io.stderr:write(message, '\n') os.exit(1) end"
}

# ---- a process that has stopped ----

if begin env LD_PRELOAD="$library" LUNALLOC_CONF=$quiet "$subject" report "$work/report"; then
    await_stop
    equal "a stopped process: all that it said of itself" "$pid" "$work/report"
    lua "nothing can be set" "
        local ok, message, code = t.set('arena.0.dirty_decay_ms', 5)
        assert(not ok and code == 'ENOTSUP' and message:find 'memory alone', message)
        assert(t.consistent)"
    if command -v gcore >/dev/null; then
        gcore -o "$work/gcore" "$pid" >/dev/null 2>&1
        equal "a core by gcore" "$work/gcore.$pid" "$work/report"
        mv "$work/gcore.$pid" "$work/whole"
    else
        skipped=$((skipped + 1))
        echo "skip cores by gcore: no gdb here"
    fi
    end
fi

# ---- core files of the kernel ----

# A pattern that begins with '|' pipes cores to a program.
if [[ $(cat /proc/sys/kernel/core_pattern) == core* ]]; then
    mkdir "$work/cores"
    (
        cd "$work/cores" || exit
        ulimit -c unlimited
        LD_PRELOAD=$library LUNALLOC_CONF=$quiet "$subject" core "$work/report" >/dev/null
    ) 2>/dev/null
    core=$(find "$work/cores" -type f | head -n 1)
    equal "a core by the kernel" "$core" "$work/report"
    "$console" -e "
        local t = assert(require('lunalloc').attach '$core')
        assert(t.way == 'core' and t.name == 'reader_subject' and t.pid and t.consistent and t.alive())
        local ok, message, code = t.set('arena.0.purge')
        assert(not ok and code == 'ENOTSUP', message)
        ok, message, code = t.reconcile()
        assert(not ok and code == 'ENOTSUP', message)" >"$work/details" 2>&1 &&
        ok "a core says what it is of" || fail "a core says what it is of" "$work/details"
    [ -e "$work/whole" ] || cp --sparse=always "$core" "$work/whole"

    # The library that the process ran is gone, and another one is in its place.
    mkdir "$work/moved"
    cp "$library" "$work/moved/liblunalloc.so"
    rm -f "$work/cores"/*
    (
        cd "$work/cores" || exit
        ulimit -c unlimited
        LD_PRELOAD=$work/moved/liblunalloc.so "$subject" core "$work/report" >/dev/null
    ) 2>/dev/null
    core=$(find "$work/cores" -type f | head -n 1)
    equal "a core with the library beside" "$core" "$work/report"
    rm "$work/moved/liblunalloc.so"
    refused "a core whose library is gone" "lacks parts of .*liblunalloc.so, which cannot be read" "$(attach "$core")"
    cp "$subject" "$work/moved/liblunalloc.so"
    refused "a core whose library is another file now" "liblunalloc.so, and that is another file now" \
        "$(attach "$core")"

    # Bit 4 of the filter: the first pages of ELF files.
    rm -f "$work/cores"/*
    (
        cd "$work/cores" || exit
        ulimit -c unlimited
        echo 0x01 >/proc/self/coredump_filter
        LD_PRELOAD=$library LUNALLOC_CONF=$quiet "$subject" core "$work/report" >/dev/null
    ) 2>/dev/null
    core=$(find "$work/cores" -type f | head -n 1)
    refused "a core without the first pages of files" "lunalloc" "$(attach "$core")"
    rm -rf "$work/cores"
else
    skipped=$((skipped + 1))
    echo "skip cores by the kernel: core_pattern pipes them"
fi

# ---- what is no core of ours ----

if [ -e "$work/whole" ]; then
    for size in 0 1 63 64 100 1000 5000 100000; do
        head -c "$size" "$work/whole" >"$work/cut"
        refused "a core cut at $size bytes" "core file .*: it is (truncated|no core file)" "$(attach "$work/cut")"
    done
    head -c 2000000 "$work/whole" >"$work/cut"
    refused "a core cut at 2,000,000 bytes" "truncated|lacks|lunalloc" "$(attach "$work/cut")"
    # Byte 18: the machine; byte 4: the class.
    cp --sparse=always "$work/whole" "$work/cut"
    printf '\x08' | dd of="$work/cut" bs=1 seek=18 conv=notrunc 2>/dev/null
    refused "a core of another architecture" "another kind of processor" "$(attach "$work/cut")"
    rm -f "$work/cut" "$work/whole"
fi
refused "a program is no core" "it is a program or a library" "$(attach "$console")"
refused "a text is no core" "it is no core file" "$(attach "$here/reader.sh")"
refused "a folder is no core" "it is no file" "$(attach "$work/")"
refused "no file" "No such file" "$(attach "$work/nowhere")"

# ---- processes that cannot help, or do not stand still ----

if begin env LD_PRELOAD="$library" "$subject" wedge; then
    lua "a process with a bin's lock held for ever" "
        local n = 0
        for e in t.extents() do n = n + 1 end
        assert(n > 100 and t.consistent)
        assert(t.stats().allocated > 1e6 and #t.threads() >= 2)
        assert(t.get 'stats.arenas.0.bins.4.curregs' > 0)"
    end
fi

if begin env LD_PRELOAD="$library" "$subject" load; then
    lua "a process under load: figures fit together, or are marked" "
        local consistent = 0
        for i = 1, 20 do
            local s = t.stats()
            if t.consistent then
                consistent = consistent + 1
                assert(s.allocated <= s.active and s.active <= s.resident and s.nthreads >= 4)
            end
            local bytes = 0
            for e in t.extents{arena = 0} do bytes = bytes + e.size end
            if t.consistent then
                local mapped = t.get 'stats.arenas.0.mapped' + t.get 'stats.arenas.0.retained'
                assert(bytes > 0 and bytes < 2 * mapped)
            end
            assert(#t.threads() >= 4)
        end
        assert(consistent > 10, consistent)"
    end
fi

if begin env LD_PRELOAD="$library" LUNALLOC_CONF=agent:true "$subject" load; then
    for _ in {1..100}; do
        [ ! -d "/proc/$pid/task" ] || [ "$(wc -l < <(ls "/proc/$pid/task"))" -lt 6 ] || break
        sleep 0.05
    done
    sleep 2.5
    kill -STOP "$pid"
    await_stop
    lua "the history of an agent that has stopped" "
        local history = assert(t.history())
        assert(#history.moments >= 1 and history.moments[1].active > 0)
        assert(t.get 'agent.state' == 'listens' and t.get 'agent.path' ~= '')"
    end
fi

# ---- how the library is there ----

cp "$library" "$work/deleted.so"
if begin env LD_PRELOAD="$work/deleted.so" "$subject" report "$work/report"; then
    rm "$work/deleted.so"
    await_stop
    equal "the library's file is deleted" "$pid" "$work/report"
    end
fi

for linked in static static_libc static_fixed; do
    if begin "$built/resting_$linked"; then
        lua "linked with the archive: $linked" "
            assert(t.get 'version' and t.stats().allocated > 0)
            local n = 0
            for e in t.extents() do n = n + 1 end
            assert(n > 0)"
        end
    fi
done

if command -v lua5.4 >/dev/null; then
    export LUA_PATH="$root/lua/?.lua;$root/lua/?/init.lua;;" LUA_CPATH="$build/lua/?.so;;"
    if begin env LUNALLOC_SO="$library" lua5.4 -e '
        local la = require "lunalloc"
        local keep = {}
        for i = 1, 100 do keep[i] = la.buffer(1000) end
        io.write "ready\n" io.flush()
        while true do os.execute "sleep 1" end'; then
        lua "opened by dlopen in a stock lua5.4" "
            assert(not la.loaded or t.stats().allocated >= 100000)
            assert(t.get 'stats.arenas.0.bins.0.curregs')"
        end
    fi
fi

# ---- other builds ----

# The table of layouts of this copy says that its version is another: the number behind its size.
"$console" -e "
    local own = io.open('$library', 'rb'):read 'a'
    local at = own:find('lunalloc;struct sc sc_t;', 1, true)
    local name = own:sub(1, at - 1) .. 'lunalloc;struct sc sc_u;' .. own:sub(at + 24)
    io.open('$work/other.so', 'wb'):write(name):close()"
if begin env LD_PRELOAD="$work/other.so" "$subject" report "$work/report"; then
    await_stop
    refused "a library of another build is refused by version" "structures are those of lunalloc .*, layout" "
        local t, message = require('lunalloc').attach($pid, {way = 'memory'})
        if not t then io.stderr:write(message, '\n') os.exit(1) end"
    end
fi

if [ -e "$root/build/debug/liblunalloc.so" ] && [ "$library" = "$root/build/liblunalloc.so" ]; then
    if begin env LD_PRELOAD="$root/build/debug/liblunalloc.so" "$subject" report "$work/report"; then
        await_stop
        equal "a debug build of the same source" "$pid" "$work/report"
        end
    fi
fi
finish
