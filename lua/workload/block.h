/*
 * block.h -- the life of a block: it is written, resized, and freed by its own or by another thread.
 *
 * prepare.c describes blocks and decides when something happens to them; here is what happens. With verification, each
 * step checks the contents and reports the first fault in worker->fault. A worker calls these functions for itself
 * only.
 */
#ifndef WORKLOAD_BLOCK_H
#define WORKLOAD_BLOCK_H

#include "worker.h"

/* A description for a new block; NULL if the engine has no memory. */
block_t *block_new(worker_t *worker);

/* Takes a description back, for reuse. */
void block_recycle(worker_t *worker, block_t *block);

/* Writes the contents of a new block. Before that it checks the alignment, and that a zeroed block is zero. */
void block_write(worker_t *worker, const block_t *block, bool zeroed);

/* The same for a block that must be aligned to `align`, whatever its row says; 0: to what C requires. */
void block_write_aligned(worker_t *worker, const block_t *block, bool zeroed, size_t align);

/* Gives the block a size by realloc, and a new id, and writes it anew. False, and no change, if realloc refuses. */
bool block_resize_to(worker_t *worker, block_t *block, size_t size, uint64_t id);

/* Frees the block, after a check of its contents. Its description stays. */
void block_free(worker_t *worker, const block_t *block);

/* Gives the block its next size by realloc, and writes it anew. A block that realloc refuses stays as it is. `left`:
 * how many resizes, with this one, the block has before its end. */
void block_resize(worker_t *worker, block_t *block, uint32_t left);

/*
 * Ends the block's life: this thread frees it, or hands it over to the one that frees it; with row->batch, in a burst
 * with the blocks of its row that ended before. If that thread's inbox is
 * full, the sender waits, as at a real queue. It serves its own inbox meanwhile, so two threads that fill each other's
 * inboxes do not wait forever; and no worker ends while another is still producing.
 */
void block_end(worker_t *worker, block_t *block);

/* The same for a block that is not to wait for a burst. */
void block_end_now(worker_t *worker, block_t *block);

/* Frees the blocks that wait for a burst, also those that another thread should have freed. */
void block_free_batch(worker_t *worker, worker_row_t *row);

/* Frees what other threads handed over; false if there was nothing. */
bool block_serve_inbox(worker_t *worker);

/* Serves the inbox; if it is empty, sleeps for about `ns`. */
void block_nap(worker_t *worker, uint64_t ns);

/* Frees each block of a list that is linked by next, also those that another thread should have freed. Blocks whose
 * allocation failed are passed over. */
void block_free_list(worker_t *worker, block_t *block);

#endif
