/* unwind_linux.c -- the compiler's unwinder (libgcc_s), loaded when profiling begins: the library does not link it. */
#include "os/unwind.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "os/call.h"
#include "os/system.h"

#include <link.h>
#include <string.h>
#include <ucontext.h>
#include <unwind.h>

typedef _Unwind_Reason_Code backtrace_t(_Unwind_Trace_Fn visit, void *context);
typedef _Unwind_Word get_t(struct _Unwind_Context *context);
typedef _Unwind_Word get_exact_t(struct _Unwind_Context *context, int *exact);
typedef _Unwind_Word get_register_t(struct _Unwind_Context *context, int number);
/* The bases that addresses in a table are relative to, and the start of the function. */
typedef struct {
    void *text, *data, *function;
} bases_t;
typedef const uint8_t *find_entry_t(const void *addr, bases_t *bases);
typedef int visit_object_t(struct dl_phdr_info *object, size_t size, void *context);
typedef int each_object_t(visit_object_t *visit, void *context);

/* Synchronization: `trace` publishes the others, which are constant from then on. */
static get_t *get_sp, *get_start;
static get_exact_t *get_ip;
static get_register_t *get_register;
static find_entry_t *find_entry;
static each_object_t *iterate_objects;
static backtrace_t *_Atomic trace;

typedef struct {
    frame_t *frames;
    uint32_t n, most;
    uintptr_t page; /* the last page that was found readable */
} walk_t;

/* ---- the return address of a frame ---- */

#if defined(__x86_64__)
#define INTERRUPTED   offsetof(ucontext_t, uc_mcontext.gregs[REG_RIP]) /* of the saved address in a signal's frame */
#define FRAME_POINTER 6
#else
#define INTERRUPTED   0
#define FRAME_POINTER 0
#endif

/* Whether a word of a stack can be read. Asks the kernel once for consecutive words of one page. */
static bool
is_readable(walk_t *walk, uintptr_t addr) {
    uintptr_t page = align_down(addr, (uintptr_t)1 << LG_GRANULE);
    if (addr % sizeof addr != 0 || (page != walk->page && !call_can_read(page))) {
        return false;
    }
    walk->page = page;
    return true;
}

/* The rule at an address of code. For a return address, pass the address of the call before it. */
static cfi_rule_t
rule_at(uintptr_t addr) {
    bases_t bases = {0};
    cfi_rule_t none = {.kind = CFI_NONE};
    const uint8_t *entry = find_entry((const void *)addr, &bases);
    return entry == NULL ? none : cfi_rule(entry, addr - (uintptr_t)bases.function);
}

static uintptr_t
word_at(uintptr_t addr) {
    uintptr_t word;
    memcpy(&word, (const void *)addr, sizeof word);
    return word;
}

/* The place of a frame's return address; 0 if its rule does not tell. */
static uintptr_t
link_of(walk_t *walk, struct _Unwind_Context *context, const cfi_rule_t *rule) {
    uintptr_t at;
    switch (rule->kind) {
    case CFI_BY_SP:
        return get_sp(context) + rule->up - sizeof(uintptr_t);
    case CFI_BY_FP:
        return get_register(context, FRAME_POINTER) + rule->up - sizeof(uintptr_t);
    case CFI_THROUGH_FP:
        at = get_register(context, FRAME_POINTER) + (uintptr_t)(int32_t)rule->up;
        return is_readable(walk, at) ? word_at(at) - sizeof(uintptr_t) : 0;
    case CFI_SIGNAL:
        return INTERRUPTED != 0 ? get_sp(context) + INTERRUPTED : 0;
    default:
        return 0;
    }
}

static void
push(walk_t *walk, frame_t frame) {
    if (walk->n < walk->most) {
        walk->frames[walk->n++] = frame;
    }
}

/* Whether the unwinder may follow the frame to its caller. If the return address has no table, pushes it as the last
 * frame. */
static bool
has_caller(walk_t *walk, struct _Unwind_Context *context, uintptr_t addr) {
    cfi_rule_t rule = rule_at(addr);
    uintptr_t link = link_of(walk, context, &rule);
    if (link == 0) {
        return rule.kind == CFI_UNKNOWN;
    }
    if (!is_readable(walk, link)) {
        return false;
    }
    uintptr_t next = word_at(link);
    bool known = next == 0 || rule_at(next - (rule.kind != CFI_SIGNAL)).kind != CFI_NONE;
    if (!known) {
        push(walk, (frame_t){.ip = next, .sp = link + sizeof next, .no_code = true});
    }
    return known;
}

/* Called by the unwinder for each frame, innermost first. */
static _Unwind_Reason_Code
visit(struct _Unwind_Context *context, void *argument) {
    walk_t *walk = argument;
    int exact = 0;
    uintptr_t ip = get_ip(context, &exact);
    if (ip == 0 || walk->n == walk->most) {
        return _URC_NORMAL_STOP;
    }
    push(walk, (frame_t){.ip = ip, .start = get_start(context), .sp = get_sp(context)});
    return has_caller(walk, context, ip - (exact == 0)) ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

/* ---- walking the stack ---- */

/* Walks one frame before it publishes, so that the unwinder initialises itself now and not in a sample. */
bool
unwind_load(void) {
    if (atomic_get_acquire(&trace) != NULL) {
        return true;
    }
    backtrace_t *found;
    void *library = system_open_library("libgcc_s.so.1");
    if (library == NULL) {
        return false;
    }
    system_find_function(library, "_Unwind_GetIPInfo", &get_ip);
    system_find_function(library, "_Unwind_GetGR", &get_register);
    system_find_function(library, "_Unwind_GetCFA", &get_sp);
    system_find_function(library, "_Unwind_Find_FDE", &find_entry);
    system_find_function(NULL, "dl_iterate_phdr", &iterate_objects);
    system_find_function(library, "_Unwind_GetRegionStart", &get_start);
    system_find_function(library, "_Unwind_Backtrace", &found);
    if (get_ip == NULL || get_register == NULL || get_sp == NULL || find_entry == NULL || iterate_objects == NULL ||
        get_start == NULL || found == NULL) {
        return false;
    }
    frame_t first;
    found(visit, &(walk_t){.frames = &first, .most = 1});
    atomic_set_release(&trace, found);
    return true;
}

uint32_t
unwind(frame_t *frames, uint32_t n) {
    walk_t walk = {.frames = frames, .most = n};
    backtrace_t *found = atomic_get_acquire(&trace);
    if (found != NULL) {
        found(visit, &walk);
    }
    return walk.n;
}

/* ---- loaded objects ---- */

static _Atomic uint32_t niterating; /* Synchronization: any thread; threads that may hold the lock of the list. */
static _Atomic bool list_locked; /* Synchronization: written in the child of a fork; that lock stays taken for good. */

/* Visits objects until a visit returns nonzero, and returns that; 0 if none does or the list is locked for good. */
static int
each_object(visit_object_t *visit_object, void *context) {
    if (UNLIKELY(atomic_get(&list_locked))) {
        return 0;
    }
    atomic_add(&niterating, 1);
    int result = iterate_objects(visit_object, context);
    atomic_sub(&niterating, 1);
    return result;
}

/* Only the forking thread exists now. If another one was counted, it may have held the lock. */
void
unwind_forked(void) {
    if (atomic_exchange_explicit(&niterating, 0, memory_order_relaxed) != 0) {
        atomic_set(&list_locked, true);
    }
}

/* ---- rules ---- */

typedef struct {
    uintptr_t ip;
    uint32_t before; /* objects visited before the one that contains ip */
    bool stays;
} search_t;

static bool
contains(const struct dl_phdr_info *object, uintptr_t addr) {
    for (uint32_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && addr - (object->dlpi_addr + part->p_vaddr) < part->p_memsz) {
            return true;
        }
    }
    return false;
}

/* Ends the search at the object that contains the address. Three objects are not unloaded before the process ends: the
 * program, which is the first of the list, the C library, and the object of this function. */
static int
search_object(struct dl_phdr_info *object, size_t size, void *context) {
    (void)size;
    search_t *search = context;
    bool found = contains(object, search->ip);
    search->stays = found && (search->before == 0 || contains(object, (uintptr_t)iterate_objects) ||
                              contains(object, (uintptr_t)search_object));
    search->before++;
    return found;
}

/* Looks up ip - 1, an address in the call: the call may be its function's last instruction. */
unwind_rule_t
unwind_rule(uintptr_t ip) {
    bases_t bases = {0};
    search_t search = {.ip = ip - 1};
    const uint8_t *entry = find_entry((const void *)search.ip, &bases);
    unwind_rule_t rule = {.cfi.kind = entry == NULL ? CFI_NONE : CFI_UNKNOWN};
    if (entry != NULL && each_object(search_object, &search) != 0) {
        rule.start = (uintptr_t)bases.function;
        rule.stays = search.stays;
        rule.cfi = cfi_rule(entry, search.ip - rule.start);
    }
    return rule;
}

/* The counts of loads and unloads are the same for every object. */
static int
take_changes(struct dl_phdr_info *object, size_t size, void *context) {
    (void)size;
    *(uint64_t *)context = object->dlpi_adds + object->dlpi_subs;
    return 1;
}

uint64_t
unwind_changes(void) {
    static _Atomic uint64_t nunknown;
    uint64_t changes = 0;
    return each_object(take_changes, &changes) != 0 ? changes : ~atomic_add(&nunknown, 1);
}
