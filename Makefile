# lunalloc: build, run, test, check, install. `make help` lists the targets.

# ---- user section: override on the command line ---------------------------------------------------------------------

VARIANT = release# release debug torture asan tsan regions; all but release build into build/VARIANT
PREFIX  = /usr/local
DESTDIR =
CFLAGS ?=# added after the project's own flags
LUA_PC  = lua5.4# pkg-config's name of Lua 5.4
V       =# V=1 shows the commands
SUITE   =# make test (check) SUITE="a b": only these; scripts/test (check) --list names them all
FAULTS  =# make mutate FAULTS="a b": only these; scripts/mutate --list names them all

# ---- what is built from what ----------------------------------------------------------------------------------------

VARIANTS := release debug torture asan tsan regions
ifeq ($(filter $(VARIANT),$(VARIANTS)),)
$(error VARIANT=$(VARIANT) is unknown; allowed: $(VARIANTS))
endif

# regions is the debug build with another page layer (PAGES, below), torture is the debug build with other limits
# (LIMITS). Both link debug's objects.
B       := build$(if $(filter-out release,$(VARIANT)),/$(VARIANT))
O       := build$(if $(filter-out release,$(VARIANT)),/$(patsubst torture,debug,$(VARIANT:regions=debug)))/obj
VERSION := $(shell sed -n 's/^.define LUNALLOC_VERSION "\(.*\)"/\1/p' src/lunalloc.h)

# The allocator's layers. A folder includes only from folders to its left (scripts/check-layers).
LAYERS   := base os extent arena thread observe control api
# Implementations of the page contract (src/os/pages.h). One is linked, and only its tests are built. The variant
# `regions` obeys VirtualAlloc's rules on Linux. tests/windows/rules.mk builds the files for Windows.
PAGES    := $(if $(filter regions,$(VARIANT)),regions,linux)
OTHERS   := $(filter-out $(PAGES),linux regions)
# Limits of structures (src/base/config.h): a constant in release builds, else set by the file that is linked.
LIMITS   := $(if $(filter release,$(VARIANT)),,$(if $(filter torture,$(VARIANT)),tiny,usual))
EXCLUDED := $(OTHERS:%=src/os/pages_%.c) $(OTHERS:%=tests/os/pages_%_test.c) $(wildcard $(LAYERS:%=src/%/*_windows.c)) \
            $(patsubst %,src/base/limits_%.c,$(filter-out $(LIMITS),tiny usual)) \
            $(wildcard src/api/*_shared.c src/control/*_shared.c)

# The link order. The kernel maps 64 KiB of code at the first touch. The text section begins at a multiple of 64 KiB and
# starts with the code that every process runs, so a small program maps little more than that code: 105 KiB less than in
# alphabetical order (startup-cost, RSS of a program that allocates one object, mean of 60 runs).
LINKED       := base os extent arena thread api control observe
LATE_SRC     := $(wildcard $(patsubst %,src/%.c,base/nearest base/units os/cfi os/file_* os/gzip_* os/process_* \
                   os/shared_* os/signal_* os/socket_* os/thread_light* os/thread_own os/unwind_* \
                   arena/arena_check arena/arenas_reset arena/sampled arena/shards arena/slab_decay arena/slab_pages \
                   arena/slab_pass extent/guard extent/page_check extent/mappings extent/prefault extent/remap \
                   extent/resize os/populate_* thread/byte_counters thread/flags thread/front thread/quarantine \
                   thread/tcaches control/agent* control/audit control/background_* control/class_ranges \
                   control/ctl_agent control/ctl_mark control/ctl_record control/report_file control/reporter \
                   control/sandbox* control/wire observe/history observe/prof_frames observe/record* observe/threads \
                   api/aligned api/control api/cxx api/entry api/extended api/glibc api/print api/realloc \
                   api/seen api/sized))
EARLY_SRC    := $(filter-out $(LATE_SRC),$(wildcard $(LINKED:%=src/%/*.c)))
LIB_SRC      := $(filter-out $(EXCLUDED),$(EARLY_SRC) $(LATE_SRC))
MODULE_SRC   := $(wildcard lua/*.c $(patsubst %,lua/%/*.c,attach map meter replay trace workload))
# Linked into the module, too, which has no other part of the allocator.
SHARED_SRC   := $(addprefix src/,base/fmt.c base/nearest.c base/units.c observe/emit.c observe/json.c \
                  observe/metrics.c observe/pprof.c control/wire.c \
                  control/layout.c extent/decay.c observe/allocated.c observe/counters.c observe/record_area.c \
                  observe/record_event.c)
# Linked into hosts, too (lunalloc_lua.h): the module's objects that know Lua's C API only.
HOST_OBJ      = $(patsubst %.c,$O/%.o,$(filter-out %/lua_meter.c,$(wildcard lua/meter/*.c)) lua/loader.c)
# Two modules of their own, for `lunalloc serve` and for names of functions in other processes: built where their
# libraries are, loaded when they are used.
HTTP_LIBS    := $(shell pkg-config --libs libmicrohttpd zlib 2>/dev/null)
DW_LIBS      := $(shell pkg-config --libs libdw 2>/dev/null)
# A third one replays traces of pages: the page layer on a simulated system (lua/pages/memory.h).
SIM_SRC      := $(wildcard lua/pages/*.c)
SIM_OBJ       = $(SIM_SRC:%.c=$O/%.o) $(filter $O/src/base/% $O/src/extent/% $O/src/os/lock.o $O/src/os/pages.o \
                  $O/src/os/system_linux.o $O/src/os/thread%.o,$(LIB_OBJ)) $O/lua/replay/blocks.o \
                  $(patsubst %,$O/lua/trace/%.o,array crc file_open file_take merge read_at stream) \
                  $O/src/observe/record_event.o
# `lunalloc top` draws with ncurses. Without it, the console builds, and top prints tables.
CURSES_LIBS  := $(shell pkg-config --libs ncursesw 2>/dev/null)
CONSOLE_SRC  := $(filter-out $(addprefix console/,http.c symbols.c $(if $(CURSES_LIBS),screen_absent,screen).c), \
                   $(wildcard console/*.c))
MODULE_LUA   := $(wildcard lua/lunalloc/*.lua lua/lunalloc/*/*.lua)
UNIT_SRC     := $(filter-out $(EXCLUDED),$(wildcard $(LAYERS:%=tests/%/*_test.c)))
# ThreadSanitizer finds data races, and a program of one thread has none: debug runs those.
ifeq ($(VARIANT),tsan)
UNIT_SRC     := $(shell grep -lE 'pthread_create|run_thread|begin_load|background' $(UNIT_SRC))
endif
WORKLOAD_SRC := $(wildcard $(addprefix tests/,$(addsuffix /*_test.c,workload attach map meter replay trace)))
FAULTY_SRC   := $(filter-out $(WORKLOAD_SRC),$(wildcard tests/workload/*.c))
LUA_HOST_SRC := $(wildcard tests/lua/*.c)
PROGRAM_SRC  := $(wildcard tests/programs/*.c tests/programs/*.cpp)
PRELOAD_SRC  := $(wildcard tests/programs/preloaded/*.c)

LIB_OBJ     := $(LIB_SRC:%.c=$O/%.o)
# The shared library has a file of its own in the place of another.
SO_OBJ      := $(LIB_OBJ:%_archive.o=%_shared.o)
# Compiled for size, so that small programs map fewer pages of the library: code that runs at most once in a fill, a
# flush or a large allocation, and code that only modes run (junk, zero, quarantine). 69 KiB less than at -O2, measured
# in the same way.
SELDOM_SRC  := $(filter src/control/background% src/control/conf% src/os/% \
                   $(addprefix src/extent/,decay.c decay_pass.c dirty_limits.c guard.c hooks.c \
                      hugepage.c metadata.c page_check.c purge.c purger.c region.c region_release.c stage.c \
                      trim_to_peak.c) \
                   $(addprefix src/arena/,arena.c arena_check.c arenas.c arenas_bind.c arenas_reset.c \
                       arenas_special.c) \
                   $(addprefix src/thread/,tcaches.c refresh.c quarantine.c thread.c thread_cache.c thread_life.c), \
                   $(filter-out src/os/clock_linux.c src/os/lock.c,$(LIB_SRC)))
SELDOM_OBJ  := $(SELDOM_SRC:%.c=$O/%.o)
MODULE_OBJ  := $(MODULE_SRC:%.c=$O/%.o)
SHARED_OBJ  := $(SHARED_SRC:%.c=$O/%.o)
UNIT_OBJ    := $(UNIT_SRC:%.c=$O/%.o)
CONSOLE_OBJ := $(CONSOLE_SRC:%.c=$O/%.o)

SO       := $B/liblunalloc.so
ARCHIVE  := $B/liblunalloc.a
HOST     := $B/liblunalloc_lua.a
MODULE   := $B/lua/lunalloc/core.so
CONSOLE  := $B/lunalloc
HTTP     := $(if $(HTTP_LIBS),$B/lua/lunalloc/http.so)
SIM      := $B/lua/lunalloc/pages.so
SYMBOLS  := $(if $(DW_LIBS),$B/lua/lunalloc/symbols.so)
REPORT   := $B/lua/lunalloc/report.html
PAGES    := $(patsubst console/%,$B/%,$(wildcard console/*.[13]))
LUACATS  := $B/luacats/lunalloc.lua
SCHEMA   := $O/control/schema_sorted.def
UNIT     := $(UNIT_SRC:%.c=$B/%)
WORKLOAD := $(WORKLOAD_SRC:%.c=$B/%)
SIM_TEST := $(patsubst %.c,$B/%,$(wildcard tests/pages/*_test.c))
FAULTY   := $(FAULTY_SRC:%.c=$B/%.so)
LUA_HOST := $(LUA_HOST_SRC:%.c=$B/%)
BENCHES  := build/bench/run build/bench/give_back build/bench/patterns
RESTING  := $(addprefix $B/tests/programs/resting_,static static_libc static_fixed)
PROGRAMS := $(addprefix $B/,$(basename $(PROGRAM_SRC))) $B/tests/replay/make_trace \
            $B/tests/programs/static $B/tests/programs/static_libc \
            $(RESTING)
PRELOADS := $(PRELOAD_SRC:%.c=$B/%.so)

# ---- flags ----------------------------------------------------------------------------------------------------------

is        = $(if $(filter $(1),$(VARIANT)),1,0)
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wundef
DEFINES   = -D_GNU_SOURCE -DLUNALLOC_DEBUG=$(call is,debug torture asan tsan regions) \
            -DLUNALLOC_ASAN=$(call is,asan) -DLUNALLOC_TSAN=$(call is,tsan) \
            -DLUNALLOC_REPLACE=$(call is,release debug torture regions)
INCLUDES := -Isrc -Ilua -I$O

SANITIZE_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANITIZE_tsan := -fsanitize=thread
SANITIZE      := $(SANITIZE_$(VARIANT))
OPTIMISE      := $(if $(filter release,$(VARIANT)),-O2 -g,-O1 -g -fno-omit-frame-pointer)

# Without these flags the compiler takes our malloc for the C library's: it folds malloc + memset into calloc (inside
# calloc itself), and drops malloc/free pairs (in tests).
OPAQUE := $(addprefix -fno-builtin-,malloc calloc realloc free aligned_alloc posix_memalign memalign)

ALL_CFLAGS  = -std=gnu11 $(OPTIMISE) $(WARNINGS) -fPIC -pthread $(OPAQUE) $(SANITIZE) $(DEFINES) $(INCLUDES)
# Two flags save pages in small programs (startup-cost): vectorised stores would load constants from a page of their
# own, and PLT stubs would occupy a page of code.
LIB_CFLAGS := -fvisibility=hidden -fno-semantic-interposition -ftls-model=initial-exec -fno-tree-slp-vectorize -fno-plt
LUA_CFLAGS := $(shell pkg-config --cflags $(LUA_PC) 2>/dev/null || echo -I/usr/include/lua5.4)
LUA_LIBS   := $(shell pkg-config --libs $(LUA_PC) 2>/dev/null || echo -llua5.4)
LDFLAGS     = -pthread $(SANITIZE) -Wl,-z,now -Wl,-z,relro

say = $(if $V,,@echo '  $(1)' '$(2)' &&)

# ---- targets --------------------------------------------------------------------------------------------------------

.DELETE_ON_ERROR:
.PHONY: all run test test-windows check mutate format bench bench-quick install uninstall env clean help bootstrap FORCE
.PHONY: module install-module
.PHONY: tests unit programs benches objects flags sources-of-unit objects-of-lib objects-of-module

all: $(SO) $(ARCHIVE) $(HOST) $(MODULE) $(CONSOLE) $(HTTP) $(SIM) $(SYMBOLS) $(REPORT) $(PAGES) $(LUACATS)

help:
	@echo 'make            the allocator, the Lua module and the console, into $B/'
	@echo 'make run        install what is missing, build, and open the guided tour'
	@echo 'make test       install what is missing, build, run every test [SUITE="unit console ..."]'
	@echo 'make test-windows  install mingw-w64 and Wine, cross-build, run the unit and stress tests under Wine'
	@echo 'make check      layers, formatting, warnings, cppcheck, function lengths, syntax of scripts, lists of faults'
	@echo 'make mutate     do the tests notice faults? puts in one at a time, on a copy [FAULTS="extent NAME ..."]'
	@echo 'make format     lay out every C file as make check wants it'
	@echo 'make bench      time and memory of 56 programs beside other allocators, 20 minutes; make bench-quick: 2'
	@echo 'make install    into DESTDIR/PREFIX [PREFIX=/usr/local]; make uninstall removes it'
	@echo 'make -s env     the exports that use the tree: eval "$$(make -s env)"'
	@echo 'make clean      remove build/'
	@echo 'VARIANT=...     one of: $(VARIANTS)'

bootstrap:
	@scripts/bootstrap build test check

run:
	@scripts/bootstrap build
	+@$(MAKE) --no-print-directory all
	@$(CONSOLE) --tour

test:
	@scripts/bootstrap build test
	+@MAKE="$(MAKE)" CC="$(CC)" CXX="$(CXX)" CFLAGS="$(CFLAGS)" scripts/test $(SUITE)

test-windows:
	+@MAKE="$(MAKE)" scripts/test-windows

check:
	@scripts/bootstrap build check
	@scripts/check $(SUITE)

mutate:
	@scripts/bootstrap build test
	@MAKEFLAGS= scripts/mutate $(FAULTS)

format:
	@scripts/bootstrap check
	@scripts/check --format

# BENCH="..." are its options (scripts/bench/bench --help).
bench bench-quick:
	@scripts/bootstrap build bench
	+@$(MAKE) --no-print-directory all benches
	@scripts/bench/bench $(if $(filter bench-quick,$@),--quick) $(BENCH)
	@$(if $(filter bench,$@),for bench in adopt engine lua; do scripts/bench-$$bench || exit 1; done)

env:
	@echo 'export LUA_PATH="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;"'
	@echo 'export LUA_CPATH="$(CURDIR)/$B/lua/?.so;;"'
	@echo 'export LUNALLOC_SO="$(CURDIR)/$(SO)"'

install: all
	@scripts/install '$B' '$(DESTDIR)$(PREFIX)' '$(PREFIX)' '$(VERSION)'

# For LuaRocks: the module, with the allocator beside it, into the folders LIBDIR and LUADIR.
module: $(SO) $(MODULE) $(HTTP) $(SIM) $(SYMBOLS) $(REPORT)

install-module: module
	@scripts/install --module '$B' '$(LIBDIR)' '$(LUADIR)'

uninstall:
	@scripts/install --remove '$(DESTDIR)$(PREFIX)'

clean:
	rm -rf build

# What scripts/test builds: `unit` in every variant, `programs` in regions, `tests` in release.
unit: $(UNIT)
programs: $(PROGRAMS) $(PRELOADS)
tests: all unit benches $(WORKLOAD) $(SIM_TEST) $(FAULTY) $(LUA_HOST) programs
# The programs of `make bench`. They know nothing of the allocator.
benches: $(BENCHES)

# Lists for scripts: the unit tests of a variant, and the objects that they and the module are linked from.
sources-of-unit:
	@echo $(UNIT_SRC)
objects-of-lib:
	@echo $(LIB_OBJ)
objects-of-module:
	@echo $(MODULE_OBJ)
objects: $(LIB_OBJ) $(MODULE_OBJ)

# The flags with which scripts/check compiles, and what they find.
flags: $(SCHEMA)
	@echo '-std=gnu11 $(WARNINGS) $(DEFINES) $(INCLUDES) $(LUA_CFLAGS)'

# ---- rules ----------------------------------------------------------------------------------------------------------

# Objects are rebuilt when the flags change, products when the list of sources does.
$O/flags: stamp = $(CC) $(ALL_CFLAGS) $(LIB_CFLAGS) $(LUA_CFLAGS) $(CFLAGS)
$B/files: stamp = $(LIB_SRC) $(MODULE_SRC) $(CONSOLE_SRC) $(LDFLAGS)
$O/flags $B/files: FORCE
	@mkdir -p $(@D)
	@echo '$(stamp)' | cmp -s - $@ || echo '$(stamp)' > $@

$(LIB_OBJ) $(SO_OBJ): LAYER_CFLAGS := $(LIB_CFLAGS)
$(SELDOM_OBJ): LAYER_CFLAGS := $(LIB_CFLAGS) $(if $(filter release,$(VARIANT)),-Os)
$(MODULE_OBJ) $(SIM_SRC:%.c=$O/%.o): LAYER_CFLAGS := $(LUA_CFLAGS) -fvisibility=hidden
# These files read the structures of other processes, in whose memory a bool may be any byte.
$(filter $O/lua/attach/%,$(MODULE_OBJ)): LAYER_CFLAGS += -fno-sanitize=bool
$(CONSOLE_OBJ) $(UNIT_OBJ): LAYER_CFLAGS := $(LUA_CFLAGS)

# Headers that a new machine may lack. If one is missing, a line names the command that installs it.
PROBE_lua      := /lua5.4/lua.h
PROBE_readline := /readline/readline.h
PROBE_cmocka   := /cmocka.h
$O/have-%:
	@mkdir -p $(@D)
	@printf '%s\n' '#if !__has_include(<$(or $(HEADER),$(PROBE_$*:/%=%))>)' '#error' '#endif' | \
	    $(CC) $(LUA_CFLAGS) $(CFLAGS) -E -x c -o /dev/null - 2>/dev/null || \
	    { scripts/bootstrap --hint $(PROBE_$*) >&2; exit 1; }
	@touch $@
$O/have-lua: HEADER := lua.h
$(MODULE_OBJ) $(SIM_SRC:%.c=$O/%.o): | $O/have-lua
$(CONSOLE_OBJ): | $O/have-lua $O/have-readline
$(LUA_HOST): | $O/have-lua
$(UNIT_OBJ) $(WORKLOAD) $(SIM_TEST): | $O/have-cmocka

$O/%.o: %.c $O/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) $(LAYER_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The schema's rows, sorted by name, because they are looked up by bisection: src/control/schema.def has them in any
# order, and many are made from lists. CTL_ROW(...) of each row stays as it is, every other macro is expanded, and
# adjacent strings are joined. Unsupported rows (CTL_UNSUPPORTED_ROW) sort behind the others.
define sort_schema
	@mkdir -p $(@D)
	@$(1) -std=gnu11 -E -P $(DEFINES) $(INCLUDES) '-DCTL_ROW(...)=@CTL_ROW(__VA_ARGS__)' \
	    '-DCTL_UNSUPPORTED_ROW(...)=@CTL_UNSUPPORTED_ROW(__VA_ARGS__)' -imacros base/options.h \
	    -MMD -MP -MF $@.d -MT $@ -x c $< >$@.rows
	@tr '\n@' ' \n' <$@.rows | sed -e 1d -e 's/" "//g' | LC_ALL=C sort >$@
endef
$(SCHEMA): src/control/schema.def $O/flags
	$(call sort_schema,$(CC))
$O/src/control/schema.o: $(SCHEMA)

# nodelete: thread-exit handlers and live blocks outlive any dlclose. nostartfiles: the C library's start files would
# add code that every process runs, 62 KiB of RSS in one that never allocates.
$(SO): $(SO_OBJ) $B/files src/at_load.ld
	$(call say,LINK,$@)$(CC) -shared $(LDFLAGS) -Wl,-soname,liblunalloc.so -Wl,-z,nodelete -Wl,-z,max-page-size=65536 \
	    -nostartfiles -Wl,-T,src/at_load.ld -o $@ $(SO_OBJ)

# One relocatable object. Its hidden symbols are made local, so that a program that links it sees the public names only.
# -d turns common symbols into definitions, which objcopy can make local.
$(ARCHIVE): $(LIB_OBJ) $B/files
	$(call say,AR,$@)$(CC) -r -Wl,-d -nostdlib -o $B/lunalloc.o $(LIB_OBJ)
	@objcopy --localize-hidden --localize-symbol=dlopen $B/lunalloc.o
	@rm -f $@
	@ar rcs $@ $B/lunalloc.o

# One relocatable object, too: the loader's names stay its own.
$(HOST): $(HOST_OBJ) $B/files
	$(call say,AR,$@)$(CC) -r -nostdlib -o $B/lunalloc_lua.o $(HOST_OBJ)
	@objcopy --localize-hidden $B/lunalloc_lua.o
	@rm -f $@
	@ar rcs $@ $B/lunalloc_lua.o

# The module links neither liblua nor the allocator: it uses those of the process that loads it.
$(MODULE): $(MODULE_OBJ) $(SHARED_OBJ) $B/files
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -shared $(LDFLAGS) -Wl,-z,nodelete -o $@ $(MODULE_OBJ) $(SHARED_OBJ) -lm

$(SIM): $(SIM_OBJ) $B/files
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -shared $(LDFLAGS) -o $@ $(SIM_OBJ)

# The allocator precedes libc in the order of symbol search, so the console itself runs on it.
$(CONSOLE): $(CONSOLE_OBJ) $(SO) $B/files
	$(call say,LINK,$@)$(CC) $(LDFLAGS) -Wl,-E -Wl,-rpath,'$$ORIGIN:$$ORIGIN/../lib' -o $@ $(CONSOLE_OBJ) \
	    -Wl,--no-as-needed -L$B -llunalloc $(LUA_LIBS) -lreadline $(CURSES_LIBS)

$B/lua/lunalloc/http.so: USED_LIBS := $(HTTP_LIBS)
$B/lua/lunalloc/symbols.so: USED_LIBS := $(DW_LIBS)
$B/lua/lunalloc/http.so $B/lua/lunalloc/symbols.so: $B/lua/lunalloc/%.so: console/%.c $O/flags
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(LUA_CFLAGS) -fvisibility=hidden $(CFLAGS) -MMD -MP -MF $O/$*.d $(LDFLAGS) \
	    -shared -o $@ $< $(USED_LIBS)

# The page of la.report(), with the chart library in it, if there is one.
DYGRAPHS = /usr/share/javascript/dygraphs
$(REPORT): scripts/report-page $(wildcard lua/report/*) $(wildcard $(DYGRAPHS)/dygraph.min.js)
	@mkdir -p $(@D)
	$(call say,PAGE,$@)DYGRAPHS='$(DYGRAPHS)' scripts/report-page $(abspath $@)

# The schema and the commands as text: manual pages, and definitions for language servers.
$(PAGES) $(LUACATS): scripts/reference tests/control/jemalloc-names.tsv $(MODULE_LUA) $(MODULE) $(CONSOLE)
	@mkdir -p $(@D)
	$(call say,DOC,$@)$(CONSOLE) scripts/reference $(if $(filter $(PAGES),$@),man console/$(@F),luacats) > $@
$(PAGES): $B/%: console/%
$B/lunalloc.3: src/lunalloc.h lua/lunalloc_lua.h
$(PAGES) $(LUACATS): scripts/manual.lua $(wildcard scripts/luacats*.lua)

# Test programs. A unit test links every object of the allocator, so it can call hidden functions.
TEST_CFLAGS = $(ALL_CFLAGS) $(LUA_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d

$(UNIT): $B/%: $O/%.o $(LIB_OBJ) $B/files
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(LDFLAGS) -o $@ $< $(LIB_OBJ) -lcmocka -lm

$(WORKLOAD): $B/%: %.c $(MODULE_OBJ) $(SHARED_OBJ) $O/flags $B/files
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $(LDFLAGS) -o $@ $< $(MODULE_OBJ) $(SHARED_OBJ) -lcmocka $(LUA_LIBS) -lm

$(FAULTY) $(PRELOADS): $B/%.so: %.c $O/flags
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $(LDFLAGS) -shared -o $@ $<

$(LUA_HOST): $B/%: %.c $O/flags $(HOST)
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $(LDFLAGS) -Wl,-E -o $@ $< $(HOST) $(LUA_LIBS) -lm

$B/tests/programs/%: tests/programs/%.c $O/flags
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $(LDFLAGS) -o $@ $<

$B/tests/programs/%: tests/programs/%.cpp $O/flags
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CXX) -std=c++17 -O2 -g -Wall -Wextra -pthread $(SANITIZE) -o $@ $<

# The page layer on a simulated system, which the module does not link.
$(SIM_TEST): $B/%: %.c $(SIM_OBJ) $O/flags $B/files
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $(LDFLAGS) -o $@ $< $(SIM_OBJ) -lcmocka $(LUA_LIBS)

# It writes traces for tests of replays.
$B/tests/replay/make_trace: tests/replay/make_trace.c $(MODULE_OBJ) $(SHARED_OBJ) $O/flags
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $(LDFLAGS) -o $@ $< $(MODULE_OBJ) $(SHARED_OBJ) $(LUA_LIBS) -lm

# It speaks the agent's language.
$B/tests/programs/pretender: tests/programs/pretender.c $O/src/control/wire.o
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $(LDFLAGS) -o $@ $< $O/src/control/wire.o

# A program of threads, linked with the archive.
$B/tests/programs/static: tests/programs/key_destructor.c $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $(LDFLAGS) -o $@ $< $(ARCHIVE)

# The same program with a static C library: the library's own calls of malloc reach our functions.
$B/tests/programs/static_libc: tests/programs/key_destructor.c $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $(LDFLAGS) -static -o $@ $< $(ARCHIVE)

# A program that rests, linked with the archive: at any address, with a static C library, and at a fixed address.
$(RESTING): $B/tests/programs/resting_%: tests/programs/resting.c $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $(LDFLAGS) $($*_LDFLAGS) -o $@ $< $(ARCHIVE)
static_libc_LDFLAGS  := -static
static_fixed_LDFLAGS := -no-pie

BENCH_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) -D_GNU_SOURCE -pthread $(OPAQUE)

build/bench/run build/bench/give_back: build/bench/%: scripts/bench/%.c
	@mkdir -p $(@D)
	$(call say,BENCH,$@)$(CC) $(BENCH_CFLAGS) -o $@ $<

build/bench/patterns: $(wildcard scripts/bench/patterns*.c) scripts/bench/patterns.h
	@mkdir -p $(@D)
	$(call say,BENCH,$@)$(CC) $(BENCH_CFLAGS) -o $@ $(filter %.c,$^)

-include $(SCHEMA).d $O/http.d $O/symbols.d $(LIB_OBJ:.o=.d) $(SO_OBJ:.o=.d) $(MODULE_OBJ:.o=.d) $(CONSOLE_OBJ:.o=.d)
-include $(UNIT_OBJ:.o=.d) $(SIM_SRC:%.c=$O/%.d)
-include $(addsuffix .d,$(WORKLOAD) $(SIM_TEST) $(FAULTY) $(LUA_HOST) $(PROGRAMS) $(PRELOADS))

include tests/windows/rules.mk
