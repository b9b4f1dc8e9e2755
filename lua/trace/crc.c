/*
 * crc.c -- CRC-32 by carry-less multiplication where the processor has it, else by tables. See crc.h.
 *
 * Multiplication: 128 bits are a polynomial. Its remainder stays the same if the two halves are moved on by so many
 * bits as lie between them and other bits, which is a multiplication by a constant each, and added to these. So 64
 * bytes at a time are folded into the next 64, these into 16, and the tables do the rest (Gopal and others, "Fast CRC
 * Computation for Generic Polynomials Using PCLMULQDQ Instruction", 2009).
 *
 * Tables: each of 8 bytes has one of its own.
 */
#include "crc.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

enum {
    SLICES = 8,
    FOLDED = 64 /* bytes at a time */
};

static uint32_t table[SLICES][256];
static bool multiplies; /* the processor can */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
prepare(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0xedb88320U & (0U - (crc & 1)));
        }
        table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (int slice = 1; slice < SLICES; slice++) {
            uint32_t before = table[slice - 1][i];
            table[slice][i] = (before >> 8) ^ table[0][before & 0xff];
        }
    }
#ifdef __x86_64__
    multiplies = __builtin_cpu_supports("pclmul") != 0;
#endif
}

/* ---- tables ---- */

static uint32_t
crc_of_8(uint32_t crc, const uint8_t *p) {
    uint32_t low, high;
    memcpy(&low, p, 4);
    memcpy(&high, p + 4, 4);
    low ^= crc;
    return table[7][low & 0xff] ^ table[6][(low >> 8) & 0xff] ^ table[5][(low >> 16) & 0xff] ^ table[4][low >> 24] ^
           table[3][high & 0xff] ^ table[2][(high >> 8) & 0xff] ^ table[1][(high >> 16) & 0xff] ^ table[0][high >> 24];
}

static uint32_t
by_tables(uint32_t crc, const uint8_t *p, size_t size) {
    for (; size >= 8; size -= 8, p += 8) {
        crc = crc_of_8(crc, p);
    }
    for (; size > 0; size--, p++) {
        crc = (crc >> 8) ^ table[0][(crc ^ *p) & 0xff];
    }
    return crc;
}

/* ---- multiplication ---- */

#ifdef __x86_64__
/* Moves both halves of `bits` on, and adds `onto`. */
__attribute__((target("pclmul"))) static __m128i
fold(__m128i bits, __m128i by, __m128i onto) {
    __m128i low = _mm_clmulepi64_si128(bits, by, 0x00), high = _mm_clmulepi64_si128(bits, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), onto);
}

/* The CRC of `size` bytes, a multiple of FOLDED and not 0. */
__attribute__((target("pclmul"))) static uint32_t
by_multiplication(uint32_t crc, const uint8_t *p, size_t size) {
    const __m128i by_512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4); /* by 512 bits, for the two halves */
    const __m128i by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0); /* by 128 */
    __m128i lanes[4];
    memcpy(lanes, p, sizeof(lanes));
    lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128((int)crc));
    for (p += FOLDED, size -= FOLDED; size > 0; p += FOLDED, size -= FOLDED) {
        for (int i = 0; i < 4; i++) {
            lanes[i] = fold(lanes[i], by_512, _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * (size_t)i)));
        }
    }
    __m128i last = lanes[0];
    for (int i = 1; i < 4; i++) {
        last = fold(last, by_128, lanes[i]);
    }
    uint8_t bytes[sizeof(last)];
    memcpy(bytes, &last, sizeof(last));
    return by_tables(0, bytes, sizeof(bytes));
}
#else
static uint32_t
by_multiplication(uint32_t crc, const uint8_t *p, size_t size) {
    return by_tables(crc, p, size);
}
#endif

uint32_t
trace_crc(const void *data, size_t size) {
    pthread_once(&once, prepare);
    const uint8_t *p = data;
    size_t folded = multiplies ? size / FOLDED * FOLDED : 0;
    uint32_t crc = folded == 0 ? ~0U : by_multiplication(~0U, p, folded);
    return ~by_tables(crc, p + folded, size - folded);
}
