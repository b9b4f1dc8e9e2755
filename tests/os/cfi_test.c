/*
 * cfi_test.c -- rules of return addresses from unwind tables that are made by hand, so that each instruction and each
 * boundary between two rows has its value.
 */
#include "../base/testing.h"
#include "os/cfi.h"

#ifdef __x86_64__

/* Registers, and instructions with their operands. */
#define RBX                   3
#define RBP                   6
#define RSP                   7
#define RA                    16
#define DEF_CFA(reg, n)       0x0c, (reg), (n)
#define DEF_CFA_REGISTER(reg) 0x0d, (reg)
#define DEF_CFA_OFFSET(n)     0x0e, (n)
#define DEF_CFA_EXPRESSION    0x0f, 3, 0x77, 0x78, 0x22 /* the unwinder's */
#define DEF_CFA_THROUGH(reg)  0x0f, 3, 0x70 | (reg), 0x78, 0x06
#define OFFSET(reg, n)        0x80 | (reg), (n) /* n times -8 */
#define OFFSET_EXTENDED       0x05
#define OFFSET_SIGNED         0x11
#define ADVANCE(n)            0x40 | (n)
#define ADVANCE_1(n)          0x02, (n)
#define ADVANCE_2(low, high)  0x03, (low), (high)
#define ADVANCE_4(low, high)  0x04, (low), (high), 0, 0
#define RESTORE(reg)          0xc0 | (reg)
#define RESTORE_EXTENDED(reg) 0x06, (reg)
#define UNDEFINED(reg)        0x07, (reg)
#define SAME_VALUE(reg)       0x08, (reg)
#define IN_REGISTER(reg, to)  0x09, (reg), (to)
#define REMEMBER              0x0a
#define RECALL                0x0b
#define EXPRESSION(reg)       0x10, (reg), 2, 0x77, 0x08
#define ARGS_SIZE(low, high)  0x2e, 0x80 | (low), (high)
#define NOP                   0x00

#define PUSHED DEF_CFA(RSP, 8), OFFSET(RA, 1)

typedef struct {
    uint8_t bytes[256];
    size_t n;
} table_t;

static void
put(table_t *table, const void *bytes, size_t n) {
    assert_true(table->n + n <= sizeof table->bytes);
    memcpy(table->bytes + table->n, bytes, n);
    table->n += n;
}

static void
put_length(table_t *table, size_t at) {
    uint32_t length = (uint32_t)(table->n - at - 4);
    memcpy(table->bytes + at, &length, sizeof length);
}

typedef struct {
    const char *letters; /* "zR" if NULL */
    uint8_t code_unit;   /* 1 if 0 */
    size_t n_common, n;
    uint8_t common[16], own[64];
} made_t;

/* The rule of the address that lies so many bytes after the start. */
static cfi_rule_t
rule(const made_t *made, uintptr_t offset) {
    table_t table = {.n = 0};
    const char *letters = made->letters == NULL ? "zR" : made->letters;
    uint8_t unit = made->code_unit == 0 ? 1 : made->code_unit;
    put(&table, "\0\0\0\0\0\0\0\0\1", 9); /* length, number, version */
    put(&table, letters, strlen(letters) + 1);
    put(&table, (uint8_t[]){unit, 0x78, RA, 1, 0x1b}, 5);
    put(&table, made->common, made->n_common);
    put_length(&table, 0);
    size_t fde = table.n;
    uint32_t distance = (uint32_t)fde + 4;
    put(&table, "\0\0\0\0", 4);
    put(&table, &distance, sizeof distance);
    put(&table, "\0\0\0\0\0\1\0\0\0", 9); /* start, length, no additions */
    put(&table, made->own, made->n);
    put_length(&table, fde);
    return cfi_rule(table.bytes + fde, offset);
}

#define BYTES(...)                                                                                                     \
    { __VA_ARGS__ }
#define COUNT(...)                  sizeof((uint8_t[]){__VA_ARGS__})
#define COMMON(...)                 .common = BYTES(__VA_ARGS__), .n_common = COUNT(__VA_ARGS__)
#define OWN(...)                    .own = BYTES(__VA_ARGS__), .n = COUNT(__VA_ARGS__)
#define IS(made, offset, kind, ...) is(rule(&(made), offset), (cfi_rule_t){kind, __VA_ARGS__}, __LINE__)

static void
is(cfi_rule_t found, cfi_rule_t wanted, int line) {
    if (found.kind != wanted.kind || found.up != wanted.up || found.saved != wanted.saved) {
        fail_msg("line %d: kind %d, up %u, saved %u", line, (int)found.kind, found.up, found.saved);
    }
}

/* ---- rows ---- */

/* push %rbp; mov %rsp, %rbp; ...; leave; ret: a row begins with the byte that it names, not before. */
static void
test_row_boundaries(void **state) {
    (void)state;
    made_t made = {COMMON(PUSHED), OWN(ADVANCE(1), DEF_CFA_OFFSET(16), OFFSET(RBP, 2), ADVANCE(3),
                                       DEF_CFA_REGISTER(RBP), ADVANCE_1(200), DEF_CFA(RSP, 8), RESTORE(RBP),
                                       ADVANCE_2(0, 1), DEF_CFA_OFFSET(24), ADVANCE_4(2, 1), DEF_CFA_OFFSET(32))};
    IS(made, 0, CFI_BY_SP, 8, 0);
    IS(made, 1, CFI_BY_SP, 16, 16);
    IS(made, 3, CFI_BY_SP, 16, 16);
    IS(made, 4, CFI_BY_FP, 16, 16);
    IS(made, 203, CFI_BY_FP, 16, 16);
    IS(made, 204, CFI_BY_SP, 8, 0);
    IS(made, 459, CFI_BY_SP, 8, 0);
    IS(made, 460, CFI_BY_SP, 24, 0);
    IS(made, 717, CFI_BY_SP, 24, 0);
    IS(made, 718, CFI_BY_SP, 32, 0);
    IS(made, 100000, CFI_BY_SP, 32, 0);
}

static void
test_units_of_code(void **state) {
    (void)state;
    made_t made = {.code_unit = 4, COMMON(PUSHED), OWN(ADVANCE(2), DEF_CFA_OFFSET(16))};
    IS(made, 7, CFI_BY_SP, 8, 0);
    IS(made, 8, CFI_BY_SP, 16, 0);
}

/* ---- registers ---- */

/* What a register is restored to is what the common part says of it, not what it was before. */
static void
test_restore(void **state) {
    (void)state;
    made_t kept = {COMMON(PUSHED), OWN(OFFSET(RBP, 3), ADVANCE(1), OFFSET(RBP, 2), ADVANCE(1), RESTORE(RBP))};
    IS(kept, 0, CFI_BY_SP, 8, 24);
    IS(kept, 1, CFI_BY_SP, 8, 16);
    IS(kept, 2, CFI_BY_SP, 8, 0);
    made_t saved = {COMMON(PUSHED, OFFSET(RBP, 4)),
                    OWN(SAME_VALUE(RBP), ADVANCE(1), RESTORE_EXTENDED(RBP), ADVANCE(1), OFFSET(RBP, 2), RESTORE(RBX))};
    IS(saved, 0, CFI_BY_SP, 8, 0);
    IS(saved, 1, CFI_BY_SP, 8, 32);
    IS(saved, 2, CFI_BY_SP, 8, 16);
    made_t address = {COMMON(PUSHED), OWN(UNDEFINED(RA), ADVANCE(1), RESTORE(RA))};
    IS(address, 0, CFI_OUTERMOST, 0, 0);
    IS(address, 1, CFI_BY_SP, 8, 0);
}

static void
test_offsets(void **state) {
    (void)state;
    made_t made = {COMMON(PUSHED), OWN(OFFSET_EXTENDED, RBP, 5, ADVANCE(1), OFFSET_SIGNED, RBP, 6, ADVANCE(1),
                                       OFFSET_EXTENDED, RBX, 9, ADVANCE(1), OFFSET(RBX, 9))};
    IS(made, 0, CFI_BY_SP, 8, 40);
    IS(made, 1, CFI_BY_SP, 8, 48);
    IS(made, 2, CFI_BY_SP, 8, 48);
    IS(made, 3, CFI_BY_SP, 8, 48);
}

/* Rows that are put aside, one above the other; all of a row comes back, and one too many is no rule. */
static void
test_remember(void **state) {
    (void)state;
    made_t made = {COMMON(PUSHED),
                   OWN(REMEMBER, DEF_CFA_OFFSET(16), OFFSET(RBP, 2), ADVANCE(1), REMEMBER, DEF_CFA(RBP, 24),
                       UNDEFINED(RA), ADVANCE(1), RECALL, ADVANCE(1), RECALL, ADVANCE(1), RECALL)};
    IS(made, 0, CFI_BY_SP, 16, 16);
    IS(made, 1, CFI_OUTERMOST, 0, 0);
    IS(made, 2, CFI_BY_SP, 16, 16);
    IS(made, 3, CFI_BY_SP, 8, 0);
    IS(made, 4, CFI_UNKNOWN, 0, 0);
    made_t deep = {COMMON(PUSHED), OWN(REMEMBER, REMEMBER, REMEMBER, REMEMBER, ADVANCE(1), REMEMBER)};
    IS(deep, 0, CFI_BY_SP, 8, 0);
    IS(deep, 1, CFI_UNKNOWN, 0, 0);
}

/* ---- what says nothing, and what is too much ---- */

static void
test_instructions_without_effect(void **state) {
    (void)state;
    made_t made = {COMMON(PUSHED),
                   OWN(NOP, ARGS_SIZE(16, 1), ADVANCE(1), NOP, DEF_CFA_OFFSET(16), NOP, EXPRESSION(RBX))};
    IS(made, 0, CFI_BY_SP, 8, 0);
    IS(made, 1, CFI_BY_SP, 16, 0);
}

static void
test_only_the_unwinder_can_tell(void **state) {
    (void)state;
    made_t end = {COMMON(PUSHED), OWN(DEF_CFA_EXPRESSION)};
    IS(end, 0, CFI_UNKNOWN, 0, 0);
    made_t pointer = {COMMON(PUSHED),
                      OWN(EXPRESSION(RBP), ADVANCE(1), IN_REGISTER(RBP, RBX), ADVANCE(1), SAME_VALUE(RBP))};
    IS(pointer, 0, CFI_UNKNOWN, 0, 0);
    IS(pointer, 1, CFI_UNKNOWN, 0, 0);
    IS(pointer, 2, CFI_BY_SP, 8, 0);
    made_t other = {COMMON(PUSHED), OWN(DEF_CFA_REGISTER(RBX), ADVANCE(1), DEF_CFA_REGISTER(RSP))};
    IS(other, 0, CFI_UNKNOWN, 0, 0);
    IS(other, 1, CFI_BY_SP, 8, 0);
    made_t address = {COMMON(DEF_CFA(RSP, 8), OFFSET(RA, 2)), OWN(NOP)};
    IS(address, 0, CFI_UNKNOWN, 0, 0);
    made_t stack = {COMMON(PUSHED), OWN(OFFSET(RSP, 2))};
    IS(stack, 0, CFI_UNKNOWN, 0, 0);
    made_t nowhere = {COMMON(DEF_CFA(RSP, 0), OFFSET(RA, 1)), OWN(NOP)};
    IS(nowhere, 0, CFI_UNKNOWN, 0, 0);
}

/* A function that has aligned its stack keeps what the stack pointer was; anything else of that form has no rule. */
static void
test_end_in_memory(void **state) {
    (void)state;
    made_t made = {COMMON(PUSHED), OWN(ADVANCE(1), DEF_CFA_THROUGH(RBP), ADVANCE(1), DEF_CFA(RSP, 8), ADVANCE(1),
                                       DEF_CFA_THROUGH(RSP), ADVANCE(1), 0x0f, 4, 0x76, 0x78, 0x06, 0x06, ADVANCE(1),
                                       0x0f, 3, 0x76, 0x78, 0x96, ADVANCE(1), 0x0f, 4, 0x76, 0xf8, 0x7e, 0x06)};
    IS(made, 0, CFI_BY_SP, 8, 0);
    IS(made, 1, CFI_THROUGH_FP, (uint32_t)-8, 0);
    IS(made, 2, CFI_BY_SP, 8, 0);
    IS(made, 3, CFI_UNKNOWN, 0, 0);
    IS(made, 4, CFI_UNKNOWN, 0, 0);
    IS(made, 5, CFI_UNKNOWN, 0, 0);
    IS(made, 6, CFI_THROUGH_FP, (uint32_t)-136, 0);
}

static void
test_no_caller(void **state) {
    (void)state;
    made_t undefined = {COMMON(PUSHED), OWN(UNDEFINED(RA), ADVANCE(1), DEF_CFA_EXPRESSION)};
    IS(undefined, 0, CFI_OUTERMOST, 0, 0);
    IS(undefined, 1, CFI_OUTERMOST, 0, 0);
    made_t nothing = {COMMON(OFFSET(RA, 1)), OWN(ADVANCE(4), DEF_CFA(RSP, 8))};
    IS(nothing, 3, CFI_OUTERMOST, 0, 0);
    IS(nothing, 4, CFI_BY_SP, 8, 0);
}

static void
test_signal_frames(void **state) {
    (void)state;
    made_t made = {.letters = "zRS", COMMON(DEF_CFA_EXPRESSION), OWN(OFFSET(RSP, 2), EXPRESSION(RA))};
    IS(made, 0, CFI_SIGNAL, 0, 0);
}

/* Unknown letters and instructions, and operands beyond the end. */
static void
test_malformed(void **state) {
    (void)state;
    made_t letter = {.letters = "zRQ", COMMON(PUSHED), OWN(NOP)};
    IS(letter, 0, CFI_UNKNOWN, 0, 0);
    made_t unsized = {.letters = "R", COMMON(PUSHED), OWN(NOP)};
    IS(unsized, 0, CFI_UNKNOWN, 0, 0);
    made_t instruction = {COMMON(PUSHED), OWN(ADVANCE(1), 0x3f)};
    IS(instruction, 0, CFI_BY_SP, 8, 0);
    IS(instruction, 1, CFI_UNKNOWN, 0, 0);
    made_t cut = {COMMON(PUSHED), OWN(0x04, 1)};
    IS(cut, 0, CFI_UNKNOWN, 0, 0);
    made_t block = {COMMON(PUSHED), OWN(0x0f, 100, 0x76)};
    IS(block, 0, CFI_UNKNOWN, 0, 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_boundaries),
        cmocka_unit_test(test_units_of_code),
        cmocka_unit_test(test_restore),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_remember),
        cmocka_unit_test(test_instructions_without_effect),
        cmocka_unit_test(test_only_the_unwinder_can_tell),
        cmocka_unit_test(test_end_in_memory),
        cmocka_unit_test(test_no_caller),
        cmocka_unit_test(test_signal_frames),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests_name("os/cfi", tests, NULL, NULL);
}

#else

/* No rules are known for other processors. */
int
main(void) {
    return 0;
}

#endif
