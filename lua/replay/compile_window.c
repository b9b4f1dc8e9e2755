/* compile_window.c -- a window of a plan that is compiled ends. See compiler.h. */
#include "compiler.h"

int
compiler_end_window(plan_compiler_t *compiler) {
    plan_facts_t *facts = &compiler->head.facts;
    plan_window_t figures = {.live_bytes = compiler->live,
                             .live_blocks = compiler->blocks.nlive,
                             .before = compiler->before && facts->calls != 0,
                             .look = compiler->look};
    facts->peak_ends = compiler->live > facts->peak_ends ? compiler->live : facts->peak_ends;
    compiler->live_before = compiler->live;
    compiler->grown = compiler->possible = 0;
    compiler->look = compiler->look && compiler->writer.nruns == 0; /* nothing is written */
    int error = plan_write_window(&compiler->writer, &compiler->blocks, &figures);
    blocks_end_window(&compiler->blocks);
    return error;
}
