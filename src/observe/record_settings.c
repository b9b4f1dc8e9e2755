/* record_settings.c -- tells a recording of pages of purges on request and of new decay times, on a borrowed ring. */
#include "observe/record_life.h"

void
record_purge(uint32_t arena) {
    recorder_t *r = record_life_borrow_for_pages();
    if (r != NULL) {
        record_pages_put_setting(r, RECORD_PAGE_PURGE, arena, -1);
        record_life_return_for_pages(r);
    }
}

void
record_decay_ms(uint32_t arena, bool muzzy, int64_t ms) {
    recorder_t *r = record_life_borrow_for_pages();
    if (r != NULL) {
        record_pages_put_setting(r, muzzy ? RECORD_MUZZY_MS : RECORD_DIRTY_MS, arena, ms);
        record_life_return_for_pages(r);
    }
}
