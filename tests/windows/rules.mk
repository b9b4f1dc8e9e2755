# rules.mk -- cross-builds the allocator and its unit tests for 64-bit Windows, into build/windows/VARIANT; the Makefile
# includes it, scripts/test-windows runs what it builds. Objects and programs only: no DLL, because nothing there would
# take malloc from it.

WINDOWS_CC := x86_64-w64-mingw32-gcc-posix
W          := build/windows/$(VARIANT)

# Tests that are about Linux itself; tests/windows has its own of pages and system calls.
WINDOWS_WITHOUT := tests/os/pages_test.c tests/os/system_test.c

WINDOWS_SRC  := $(filter-out $(wildcard $(LAYERS:%=src/%/*_linux.c)) src/os/pages_regions.c, \
                  $(wildcard $(LAYERS:%=src/%/*.c)))
WINDOWS_TEST := $(filter-out $(WINDOWS_WITHOUT),$(UNIT_SRC)) $(wildcard tests/windows/*_test.c)
WINDOWS_HELP := $(filter-out $(WINDOWS_TEST),$(wildcard tests/windows/*.c))

WINDOWS_OBJ   := $(WINDOWS_SRC:%.c=$W/%.o)
WINDOWS_AID   := $(WINDOWS_HELP:%.c=$W/%.o)
WINDOWS_TESTS := $(WINDOWS_TEST:%.c=$W/%.exe)

# Every use of pages goes through the guard (tests/windows/guard.c) on its way to the system.
WINDOWS_GUARDED := pages_unmap pages_commit pages_decommit pages_purge_lazy

WINDOWS_CFLAGS  = -std=gnu11 -O1 -g $(WARNINGS) -Werror -pthread -D__USE_MINGW_ANSI_STDIO=1 $(WINDOWS_DEFINES) $(INCLUDES)
WINDOWS_DEFINES = $(filter-out -DLUNALLOC_REPLACE=%,$(DEFINES)) -DLUNALLOC_REPLACE=0
# The C library's types differ from POSIX's in width (read, write); the tests are checked for conversions on Linux.
WINDOWS_TEST_CFLAGS := -Wno-conversion -Wno-maybe-uninitialized -Itests/windows -include tests/windows/posix.h
WINDOWS_LDFLAGS = -static $(WINDOWS_GUARDED:%=-Wl,--wrap=%)

.PHONY: windows windows-list
windows: $(WINDOWS_TESTS)

# What to run, and what is left out.
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

$W/tests/%.o: tests/%.c $W/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(WINDOWS_CC) $(WINDOWS_CFLAGS) -Itests/windows -MMD -MP -c -o $@ $<

$W/%.exe: %.c $(WINDOWS_OBJ) $(WINDOWS_AID) $W/flags
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(WINDOWS_CC) $(WINDOWS_CFLAGS) $(WINDOWS_TEST_CFLAGS) -MMD -MP -MF $@.d $(WINDOWS_LDFLAGS) -o $@ $< $(WINDOWS_AID) $(WINDOWS_OBJ)

-include $(WINDOWS_OBJ:.o=.d) $(WINDOWS_AID:.o=.d) $(WINDOWS_TESTS:=.d)
