#!/usr/bin/env bash
# Circumstances that have broken other allocators: start-up and exit, fork with threads, thread-specific destructors,
# address-space limits, out-of-memory, loading by dlopen, static linking, a closed stderr.
. "${0%/*}/common.bash"

limited() { # limited KIB COMMAND... -- under a limit of address space
    ulimit -v "$1"
    shift
    "$@"
}

no_stderr() {
    LUNALLOC_CONF=no_such_setting:1 "$@" 2>&-
}

taken_over "$built/early_constructor"
same "allocation before main and after exit" "$built/early_constructor"
same "fork while four threads allocate" "$built/fork_threads"
same "fork after handlers that were registered before anything was allocated" "$built/fork_handlers"
same "malloc and free in thread-specific destructors" "$built/key_destructor"
same "address space limited to 150 MiB" limited 153600 "$built/key_destructor"
same "address space limited to 64 MiB" limited 65536 "$built/early_constructor"
LD_PRELOAD=$library works "out of memory, and back" limited 300000 "$built/out_of_memory"
LD_PRELOAD=$library works "a bad setting with stderr closed" no_stderr "$built/early_constructor"
works "loaded with dlopen beside another malloc" "$built/dlopened" "$library"

for program in static static_libc; do
    works "$program: linked in" "$built/$program"
    if LUNALLOC_CONF=no_such_setting:1 "$built/$program" 2>&1 | grep -q no_such_setting; then
        ok "$program runs on the library"
    else
        fail "$program runs on the library: no warning about a bad LUNALLOC_CONF"
    fi
done
finish
