/*
 * crc.h -- CRC-32 (the one of gzip and PNG), at several GB/s where the processor can. Pure, thread-safe.
 */
#ifndef TRACE_CRC_H
#define TRACE_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t trace_crc(const void *data, size_t size);

#endif
