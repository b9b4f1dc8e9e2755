/*
 * cfi.c -- executes the instructions of unwind tables (DWARF 5, section 6.4; Linux Standard Base, "Exception Frames"),
 * for two registers only: the frame pointer and the return address.
 *
 * A function's entry (FDE) refers to a common part (CIE), whose instructions are executed first. Each instruction
 * changes the current row of rules, or advances the address from which the row holds. Execution ends at the address
 * that the rule is wanted for.
 */
#include "os/cfi.h"

#include <limits.h>
#include <string.h>

/* Numbers of registers in unwind tables. On other processors every rule is CFI_UNKNOWN, and these match no register. */
#if defined(__x86_64__)
enum {
    REGISTERS_KNOWN = 1,
    STACK_POINTER = 7,
    FRAME_POINTER = 6,
    RETURN_ADDRESS = 16
};
#else
enum {
    REGISTERS_KNOWN = 0,
    STACK_POINTER = INT_MAX,
    FRAME_POINTER = INT_MAX - 1,
    RETURN_ADDRESS = INT_MAX - 2
};
#endif

enum {
    ADVANCE_HIGH = 1, /* this and the next two: in the two high bits; the low bits are an operand */
    OFFSET_HIGH = 2,
    RESTORE_HIGH = 3,
    NOP = 0x00,
    ADVANCE_1 = 0x02,
    ADVANCE_2 = 0x03,
    ADVANCE_4 = 0x04,
    OFFSET = 0x05,
    RESTORE = 0x06,
    UNDEFINED = 0x07,
    SAME_VALUE = 0x08,
    IN_REGISTER = 0x09,
    REMEMBER = 0x0a,
    RECALL = 0x0b,
    DEF_CFA = 0x0c,
    DEF_CFA_REGISTER = 0x0d,
    DEF_CFA_OFFSET = 0x0e,
    DEF_CFA_EXPRESSION = 0x0f,
    EXPRESSION = 0x10,
    OFFSET_SIGNED = 0x11,
    VAL_EXPRESSION = 0x16,
    ARGS_SIZE = 0x2e,
    BASE_REGISTER = 0x70, /* in expressions: a register and a signed number */
    DEREF = 0x06          /* in expressions */
};

#define REMEMBERED_MAX 4
#define NO_REGISTER    UINT64_MAX
#define NOT_SAID       (UINT64_MAX - 1)

/* Where the caller's value of a register is. */
typedef enum {
    KEPT,     /* in the register itself */
    SAVED,    /* in memory, at an offset from the end of the frame */
    LOST,     /* nowhere: undefined */
    ELSEWHERE /* in another register, or where an expression says */
} where_t;

typedef struct {
    where_t where;
    int64_t offset; /* if SAVED */
} place_t;

typedef struct {
    uint64_t base; /* end = this register + up; NO_REGISTER: an expression gives the end; NOT_SAID: nothing does */
    int64_t up;
    bool through; /* the end is the word in memory at that address */
    place_t fp, ip;
} row_t;

typedef struct {
    const uint8_t *at, *end;
    uint64_t code_unit, left; /* left: bytes of code from the start of the current row to the wanted address */
    int64_t data_unit;
    row_t row, first, remembered[REMEMBERED_MAX];
    uint32_t nremembered;
    bool done, failed, signal;
} machine_t;

/* ---- bytes ---- */

/* A little-endian number of n bytes. Fails at the end of the part; then it is 0. */
static uint64_t
take_bytes(machine_t *m, size_t n) {
    uint64_t value = 0;
    if ((size_t)(m->end - m->at) < n) {
        m->failed = true;
        return 0;
    }
    memcpy(&value, m->at, n);
    m->at += n;
    return value;
}

/* LEB128: seven bits a byte, the low ones first; the high bit says that another byte follows. *bits: how many. */
static uint64_t
take_leb(machine_t *m, unsigned *bits) {
    uint64_t value = 0, byte;
    *bits = 0;
    do {
        byte = take_bytes(m, 1);
        value |= *bits < 64 ? (byte & 0x7f) << *bits : 0;
        *bits += 7;
    } while (byte >= 0x80);
    return value;
}

static uint64_t
take_unsigned(machine_t *m) {
    unsigned bits;
    return take_leb(m, &bits);
}

static int64_t
take_signed(machine_t *m) {
    unsigned bits;
    uint64_t value = take_leb(m, &bits);
    bool negative = bits < 64 && (value >> (bits - 1) & 1) != 0;
    return (int64_t)(negative ? value | ~UINT64_C(0) << bits : value);
}

static void
skip(machine_t *m, uint64_t n) {
    if ((uint64_t)(m->end - m->at) < n) {
        m->failed = true;
    } else {
        m->at += n;
    }
}

static void
skip_block(machine_t *m) {
    skip(m, take_unsigned(m));
}

/* Skips an address; `form`, a byte of the common part, gives its size and encoding. */
static void
skip_address(machine_t *m, uint64_t form) {
    static const uint8_t sizes[16] = {[0] = 8, [2] = 2, [3] = 4, [4] = 8, [10] = 2, [11] = 4, [12] = 8};
    m->failed = m->failed || sizes[form & 15] == 0 || (form & 0x70) == 0x50;
    skip(m, sizes[form & 15]);
}

/* ---- instructions ---- */

/* The next row begins `units` later; done if that is behind the wanted address. */
static void
advance(machine_t *m, uint64_t units) {
    uint64_t bytes = units * m->code_unit;
    if (bytes > m->left) {
        m->done = true;
    } else {
        m->left -= bytes;
    }
}

/* Sets a register's place in the current row. Fails for the stack pointer, which has no rule of its own; ignores all
 * registers but the two. */
static void
set(machine_t *m, uint64_t number, place_t place) {
    if (number == FRAME_POINTER) {
        m->row.fp = place;
    } else if (number == RETURN_ADDRESS) {
        m->row.ip = place;
    } else if (number == STACK_POINTER) {
        m->failed = true;
    }
}

/* The register's place becomes what the common part says. */
static void
restore(machine_t *m, uint64_t number) {
    if (number == FRAME_POINTER) {
        m->row.fp = m->first.fp;
    } else if (number == RETURN_ADDRESS) {
        m->row.ip = m->first.ip;
    }
}

/* The register is saved at a distance, in data units, from the end of the frame. */
static void
set_saved(machine_t *m, uint64_t number, int64_t units) {
    set(m, number, (place_t){.where = SAVED, .offset = units * m->data_unit});
}

/* Compilers save the row before an early return in the middle of a function, and recall it after. */
static void
remember(machine_t *m) {
    if (m->nremembered == REMEMBERED_MAX) {
        m->failed = true;
    } else {
        m->remembered[m->nremembered++] = m->row;
    }
}

static void
recall(machine_t *m) {
    if (m->nremembered == 0) {
        m->failed = true;
    } else {
        m->row = m->remembered[--m->nremembered];
    }
}

/* An expression for the end of the frame. The only one with a rule is "the word at register + number". */
static void
take_end(machine_t *m) {
    uint64_t length = take_unsigned(m);
    machine_t block = *m;
    skip(m, length);
    block.end = m->at;
    uint64_t first = take_bytes(&block, 1);
    int64_t up = take_signed(&block);
    bool through = take_bytes(&block, 1) == DEREF && block.at == block.end && !block.failed;
    bool known = through && first >= BASE_REGISTER && first < BASE_REGISTER + 32;
    m->row.base = known ? first - BASE_REGISTER : NO_REGISTER;
    m->row.up = up;
    m->row.through = known;
}

/* Instructions that define the end of the frame. */
static void
step_end(machine_t *m, uint8_t instruction) {
    m->row.through = false;
    if (instruction == DEF_CFA || instruction == DEF_CFA_REGISTER) {
        m->row.base = take_unsigned(m);
    }
    if (instruction == DEF_CFA || instruction == DEF_CFA_OFFSET) {
        m->row.up = (int64_t)take_unsigned(m);
    }
    if (instruction == DEF_CFA_EXPRESSION) {
        take_end(m);
    }
}

/* Instructions whose first operand is the number of a register. */
static void
step_register(machine_t *m, uint8_t instruction) {
    uint64_t number = take_unsigned(m);
    switch (instruction) {
    case OFFSET:
        set_saved(m, number, (int64_t)take_unsigned(m));
        break;
    case OFFSET_SIGNED:
        set_saved(m, number, take_signed(m));
        break;
    case RESTORE:
        restore(m, number);
        break;
    case UNDEFINED:
        set(m, number, (place_t){.where = LOST});
        break;
    case SAME_VALUE:
        set(m, number, (place_t){.where = KEPT});
        break;
    case IN_REGISTER:
        take_unsigned(m);
        set(m, number, (place_t){.where = ELSEWHERE});
        break;
    default: /* EXPRESSION, VAL_EXPRESSION */
        skip_block(m);
        set(m, number, (place_t){.where = ELSEWHERE});
        break;
    }
}

/* The rest: padding, advances, the stack of rows. Any unknown instruction fails. */
static void
step_plain(machine_t *m, uint8_t instruction) {
    switch (instruction) {
    case NOP:
        break;
    case ADVANCE_1:
        advance(m, take_bytes(m, 1));
        break;
    case ADVANCE_2:
        advance(m, take_bytes(m, 2));
        break;
    case ADVANCE_4:
        advance(m, take_bytes(m, 4));
        break;
    case REMEMBER:
        remember(m);
        break;
    case RECALL:
        recall(m);
        break;
    case ARGS_SIZE:
        take_unsigned(m);
        break;
    default:
        m->failed = true;
        break;
    }
}

static void
step(machine_t *m) {
    uint8_t instruction = (uint8_t)take_bytes(m, 1);
    uint8_t low = instruction & 0x3f;
    if (instruction >> 6 == ADVANCE_HIGH) {
        advance(m, low);
    } else if (instruction >> 6 == OFFSET_HIGH) {
        set_saved(m, low, (int64_t)take_unsigned(m));
    } else if (instruction >> 6 == RESTORE_HIGH) {
        restore(m, low);
    } else if (instruction >= DEF_CFA && instruction <= DEF_CFA_EXPRESSION) {
        step_end(m, instruction);
    } else if ((instruction >= OFFSET && instruction <= IN_REGISTER) ||
               (instruction >= EXPRESSION && instruction <= OFFSET_SIGNED) || instruction == VAL_EXPRESSION) {
        step_register(m, instruction);
    } else {
        step_plain(m, instruction);
    }
}

static void
run(machine_t *m) {
    while (m->at < m->end && !m->done && !m->failed) {
        step(m);
    }
}

/* ---- entries ---- */

/* Opens an entry or a common part; both begin with their length. */
static void
open_part(machine_t *m, const uint8_t *part) {
    uint32_t length;
    memcpy(&length, part, sizeof length);
    m->failed = m->failed || length == 0 || length == UINT32_MAX;
    m->at = part + sizeof length;
    m->end = m->at + (m->failed ? 0 : length);
}

/* Reads what the letters of a common part announce; returns the form of addresses. */
static uint64_t
take_additions(machine_t *m, const char *letters) {
    uint64_t form = 0;
    take_unsigned(m);
    for (letters++; *letters != '\0' && !m->failed; letters++) {
        if (*letters == 'R') {
            form = take_bytes(m, 1);
        } else if (*letters == 'L') {
            take_bytes(m, 1);
        } else if (*letters == 'P') {
            skip_address(m, take_bytes(m, 1));
        } else if (*letters == 'S') {
            m->signal = true;
        } else {
            m->failed = true;
        }
    }
    return form;
}

/* Executes the common part; returns the form of addresses. */
static uint64_t
run_common(machine_t *m, const uint8_t *part) {
    open_part(m, part);
    take_bytes(m, 4);
    uint64_t version = take_bytes(m, 1);
    const char *letters = (const char *)m->at;
    skip(m, strlen(letters) + 1);
    m->code_unit = take_unsigned(m);
    m->data_unit = take_signed(m);
    uint64_t number = version == 1 ? take_bytes(m, 1) : take_unsigned(m);
    m->failed = m->failed || *letters != 'z' || number != RETURN_ADDRESS;
    uint64_t form = m->failed ? 0 : take_additions(m, letters);
    run(m);
    m->first = m->row;
    return form;
}

/* Executes the common part, then the entry: distance to the common part, start and size of the function, a block of
 * additions, instructions. */
static void
run_entry(machine_t *m, const uint8_t *fde) {
    uint32_t distance;
    memcpy(&distance, fde + 4, sizeof distance);
    uint64_t form = run_common(m, fde + 4 - distance);
    open_part(m, fde);
    take_bytes(m, 4);
    skip_address(m, form);
    skip_address(m, form & 15);
    skip_block(m);
    run(m);
}

static bool
fits(int64_t up) {
    return up >= INT32_MIN && up <= INT32_MAX;
}

/* The rule that a row amounts to; CFI_UNKNOWN unless the return address is the word below the end. */
static cfi_rule_t
rule_of(const row_t *row) {
    cfi_rule_t rule = {.kind = CFI_UNKNOWN};
    bool by_sp = row->base == STACK_POINTER, by_fp = row->base == FRAME_POINTER;
    bool linked = row->ip.where == SAVED && row->ip.offset == -(int64_t)sizeof(uintptr_t);
    if (row->ip.where == LOST || row->base == NOT_SAID) {
        rule.kind = CFI_OUTERMOST;
    } else if (row->through) {
        rule.kind = by_fp && linked && fits(row->up) ? CFI_THROUGH_FP : CFI_UNKNOWN;
        rule.up = rule.kind == CFI_UNKNOWN ? 0 : (uint32_t)row->up;
    } else if ((by_sp || by_fp) && linked && row->fp.where != ELSEWHERE && row->up > 0 && fits(row->up)) {
        rule.kind = by_sp ? CFI_BY_SP : CFI_BY_FP;
        rule.up = (uint32_t)row->up;
        rule.saved = row->fp.where == SAVED ? (uint32_t)-row->fp.offset : 0;
    }
    return rule;
}

cfi_rule_t
cfi_rule(const uint8_t *fde, uintptr_t offset) {
    machine_t m = {.left = offset, .row.base = NOT_SAID, .failed = !REGISTERS_KNOWN};
    if (!m.failed) {
        run_entry(&m, fde);
    }
    if (m.signal) {
        return (cfi_rule_t){.kind = CFI_SIGNAL};
    }
    if (m.failed) {
        m.row = (row_t){.base = NO_REGISTER};
    }
    return rule_of(&m.row);
}
