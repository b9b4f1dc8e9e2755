/* crc.c -- CRC-32 by tables: each of 8 bytes has a table of its own. See crc.h. */
#include "crc.h"

#include <pthread.h>
#include <string.h>

enum {
    SLICES = 8
};

static uint32_t table[SLICES][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
fill_table(void) {
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
}

static uint32_t
crc_of_8(uint32_t crc, const uint8_t *p) {
    uint32_t low, high;
    memcpy(&low, p, 4);
    memcpy(&high, p + 4, 4);
    low ^= crc;
    return table[7][low & 0xff] ^ table[6][(low >> 8) & 0xff] ^ table[5][(low >> 16) & 0xff] ^ table[4][low >> 24] ^
           table[3][high & 0xff] ^ table[2][(high >> 8) & 0xff] ^ table[1][(high >> 16) & 0xff] ^ table[0][high >> 24];
}

uint32_t
trace_crc(const void *data, size_t size) {
    const uint8_t *p = data;
    uint32_t crc = ~0U;
    pthread_once(&once, fill_table);
    for (; size >= 8; size -= 8, p += 8) {
        crc = crc_of_8(crc, p);
    }
    for (; size > 0; size--, p++) {
        crc = (crc >> 8) ^ table[0][(crc ^ *p) & 0xff];
    }
    return ~crc;
}
