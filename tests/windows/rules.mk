# rules.mk -- cross-builds the allocator and its unit tests for 64-bit Windows, into build/windows/VARIANT. The Makefile
# includes it; scripts/test-windows runs the programs. There is no DLL, because no program on Windows would take malloc
# from it.

WINDOWS_CC := x86_64-w64-mingw32-gcc-posix
W          := build/windows/$(VARIANT)

# Tests that are not built for Windows. Most test what Windows lacks: Linux's pages and calls (tests/windows has its own
# tests), replaced standard names, fork, variables that an application defines, links as configuration, threads and
# guards seen in /proc, hooks that map memory, profiles as files and by frame pointers. Two need no particular system,
# but take long under Wine: the out-of-memory sweep, and jemalloc's names at every length, during which Wine begins to
# refuse memory (VirtualAlloc of a mebibyte: error 87).
WINDOWS_WITHOUT := tests/os/pages_test.c tests/os/pages_linux_test.c tests/os/remap_test.c tests/os/system_test.c \
                   tests/os/file_test.c tests/os/gzip_test.c tests/os/lock_sleep_test.c tests/api/limits_test.c \
                   tests/extent/prefault_test.c \
                   tests/os/process_test.c tests/api/stack_test.c \
                   tests/api/standard_test.c tests/api/fork_test.c tests/control/background_test.c \
                   tests/control/jemalloc_test.c \
                   tests/control/background_process_test.c tests/control/conf_file_test.c \
                   tests/api/oom_sweep_test.c tests/api/guard_test.c tests/api/hooks_stress_test.c \
                   tests/api/application_test.c tests/api/options_test.c tests/control/report_test.c \
                   tests/observe/prof_dump_test.c tests/observe/prof_stack_test.c \
                   tests/observe/prof_threads_test.c tests/observe/reconcile_test.c \
                   tests/control/layout_test.c tests/observe/threads_test.c tests/observe/history_test.c \
                   tests/os/signal_test.c tests/os/thread_own_test.c tests/os/thread_light_test.c \
                   tests/arena/slab_decay_test.c tests/arena/slab_beside_test.c \
                   tests/control/agent_test.c tests/control/agent_serve_test.c tests/api/record_test.c \
                   tests/api/record_cxx_test.c tests/api/record_rings_test.c tests/control/agent_record_test.c

WINDOWS_SRC  := $(filter-out $(wildcard $(LAYERS:%=src/%/*_linux.c)) src/os/pages_regions.c \
                  $(filter src/base/% src/control/sandbox%,$(EXCLUDED)), \
                  $(wildcard $(LAYERS:%=src/%/*.c)))
WINDOWS_TEST := $(filter-out $(WINDOWS_WITHOUT),$(UNIT_SRC)) $(wildcard tests/windows/*_test.c)
WINDOWS_HELP := $(filter-out $(WINDOWS_TEST),$(wildcard tests/windows/*.c))

WINDOWS_OBJ   := $(WINDOWS_SRC:%.c=$W/%.o)
WINDOWS_AID   := $(WINDOWS_HELP:%.c=$W/%.o)
WINDOWS_TESTS := $(WINDOWS_TEST:%.c=$W/%.exe)

# Calls of these go through the guard (tests/windows/guard.c).
WINDOWS_GUARDED := pages_unmap pages_commit pages_decommit pages_purge_lazy

WINDOWS_CFLAGS  = -std=gnu11 -O1 -g -pthread $(WARNINGS) -Werror $(WINDOWS_DEFINES) -I$W $(INCLUDES)
WINDOWS_DEFINES = $(filter-out -DLUNALLOC_REPLACE=%,$(DEFINES)) -DLUNALLOC_REPLACE=0 -D__USE_MINGW_ANSI_STDIO=1
# The C library's types differ in width from POSIX's (read, write), so conversions are checked on Linux only.
WINDOWS_TEST_CFLAGS := -Wno-conversion -Wno-maybe-uninitialized -Itests/windows -include tests/windows/posix.h
WINDOWS_LDFLAGS = -static $(WINDOWS_GUARDED:%=-Wl,--wrap=%)
# Last on a link line: waiting on addresses (src/os/thread_windows.c).
WINDOWS_LIBS := -lsynchronization

# The test of regions with a page layer that wrongly merges them: the guard must end it (scripts/test-windows).
WINDOWS_HEADLESS := $W/headless/regions_test.exe

.PHONY: windows windows-list
windows: $(WINDOWS_TESTS) $(WINDOWS_HEADLESS)

# Prints which tests to run, and which are left out.
windows-list:
	@printf 'run %s\n' $(WINDOWS_TEST)
	@printf 'without %s\n' $(WINDOWS_WITHOUT)

$W/flags: stamp = $(WINDOWS_CC) $(WINDOWS_CFLAGS) $(WINDOWS_LDFLAGS) $(WINDOWS_SRC)
$W/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(stamp)' | cmp -s - $@ || echo '$(stamp)' > $@

$W/src/%.o: src/%.c $W/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(WINDOWS_CC) $(WINDOWS_CFLAGS) -MMD -MP -c -o $@ $<

$W/src/control/schema.o: $W/control/schema_sorted.def
$W/control/schema_sorted.def: src/control/schema.def $W/flags
	$(call sort_schema,$(WINDOWS_CC))

$W/tests/%.o: tests/%.c $W/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(WINDOWS_CC) $(WINDOWS_CFLAGS) -Itests/windows -MMD -MP -c -o $@ $<

$W/%.exe: %.c $(WINDOWS_OBJ) $(WINDOWS_AID) $W/flags
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(WINDOWS_CC) $(WINDOWS_CFLAGS) $(WINDOWS_TEST_CFLAGS) $(WINDOWS_LDFLAGS) -MMD -MP -MF $@.d \
	    -o $@ $< $(WINDOWS_AID) $(WINDOWS_OBJ) $(WINDOWS_LIBS)

# The faulty page layer: coalesce.c without its tests of heads and serial numbers.
$W/headless/coalesce.c: src/extent/coalesce.c $W/flags
	@mkdir -p $(@D)
	@sed -e 's/e->is_head ? NULL : //' -e 's/ && !right->is_head//' -e 's/ && !b->is_head && a->sn == b->sn//' $< > $@
	@[ "$$(diff $< $@ | grep -c '^>')" = 3 ] || { echo '$@: not the three lines of heads and numbers'; exit 1; }

$(WINDOWS_HEADLESS): $W/headless/coalesce.c tests/windows/regions_test.c $(WINDOWS_OBJ) $(WINDOWS_AID)
	$(call say,TEST,$@)$(WINDOWS_CC) $(WINDOWS_CFLAGS) $(WINDOWS_TEST_CFLAGS) $(WINDOWS_LDFLAGS) -o $@ \
	    $(filter %.c,$^) $(WINDOWS_AID) $(filter-out %/coalesce.o,$(WINDOWS_OBJ)) $(WINDOWS_LIBS)

-include $(WINDOWS_OBJ:.o=.d) $(WINDOWS_AID:.o=.d) $(WINDOWS_TESTS:=.d)
