#!/usr/bin/env bash
# Beside other preloaded libraries, which take over functions of the C library and allocate in them, or answer as the
# C library does not.
. "${0%/*}/common.bash"

wrappers=$build/tests/programs/preloaded/wrappers.so

# beside ORDER NAME... -- a threaded program and a short one behave as they do without, while these functions allocate.
# The library has something to say at boot, and starts its thread.
beside() {
    local order=$1 status
    shift
    for program in "$built/fork_threads" "$built/early_constructor"; do
        timeout -s KILL 20 env WRAPPED="$*" LUNALLOC_CONF=no_such_setting:1,background_thread:true,narenas:2 \
            LD_PRELOAD="$order" "$program" >"$work/out" 2>"$work/err" </dev/null
        status=$?
        if [ $status != 0 ] || ! grep -q no_such_setting "$work/err"; then
            cat "$work/out" >>"$work/err"
            fail "${program##*/} while $* allocate: status $status" "$work/err"
            return
        fi
    done
    ok "while $* allocate"
}

all=$(sed -n 's/^WRAP([^,]*, \([a-z_]*\),.*/\1/p' "$here/preloaded/wrappers.c")
beside "$wrappers $library" $all open mremap syscall malloc_message
beside "$library $wrappers" $all open mremap syscall malloc_message
# What boot calls, alone: with the others, boot begins inside of a function that allocates already.
beside "$wrappers $library" getauxval
beside "$wrappers $library" pthread_key_create
beside "$wrappers $library" malloc_message

LD_PRELOAD="$build/tests/programs/preloaded/still_clock.so $library" \
    LUNALLOC_CONF=background_thread:true,dirty_decay_ms:100,muzzy_decay_ms:0,narenas:1 \
    works "clocks stand still: locks are waited for, idle memory is given back" timeout -s KILL 30 "$built/idle_decay"
# An object that is found by its loader's RUNPATH only, opened with RTLD_DEEPBIND, exchanges blocks with it.
mkdir "$work/only"
cat >"$work/only/object.c" <<'END'
#include <stdlib.h>
void *give(void) { return malloc(100); }
void take(void *block) { free(block); }
END
cat >"$work/loader.c" <<'END'
#include <dlfcn.h>
#include <stdlib.h>
int main(void) {
    void *object = dlopen("libobject.so", RTLD_NOW | RTLD_DEEPBIND);
    if (object == NULL) {
        return 2;
    }
    void *(*give)(void) = (void *(*)(void))dlsym(object, "give");
    void (*take)(void *) = (void (*)(void *))dlsym(object, "take");
    free(give());
    take(malloc(100));
    return 0;
}
END
cc -shared -fPIC -o "$work/only/libobject.so" "$work/only/object.c"
# shellcheck disable=SC2016
cc -D_GNU_SOURCE -o "$work/loader" "$work/loader.c" -Wl,--enable-new-dtags,-rpath,'$ORIGIN/only'
LD_PRELOAD=$library works "RTLD_DEEPBIND is dropped, and the caller's RUNPATH is searched" "$work/loader"
(
    ulimit -c 0
    LUNALLOC_CONF=dlopen_deepbind:true LD_PRELOAD=$library "$work/loader"
) >"$work/out" 2>&1
if [ $? -gt 100 ]; then
    ok "dlopen_deepbind:true keeps it"
else
    fail "dlopen_deepbind:true keeps it: the program lives" "$work/out"
fi
finish
