/*
 * writer.c -- see writer.h.
 */
#include "writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int
plan_writer_open(plan_writer_t *writer, const char *path) {
    *writer = (plan_writer_t){.offset = sizeof(plan_head_t)};
    writer->fd =
        path == NULL ? memfd_create("plan", MFD_CLOEXEC) : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return writer->fd < 0 ? errno : 0;
}

/* 0, or an errno value; a file that cannot grow any more is ENOSPC. */
static int
write_at(int fd, const void *data, size_t size, uint64_t offset) {
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(fd, (const char *)data + done, size - done, (off_t)(offset + done));
        if (n <= 0 && errno != EINTR) {
            return n == 0 ? ENOSPC : errno;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* ---- the present window ---- */

uint32_t
plan_writer_run(plan_writer_t *writer, uint32_t thread, bool starts, uint64_t time) {
    writer->runs[writer->nruns] = (plan_run_t){.time = time, .thread = thread, .starts = starts};
    writer->starts = writer->starts || starts;
    return writer->nruns++;
}

bool
plan_writer_op(plan_writer_t *writer, uint32_t run, plan_op_t op) {
    if (!growing_reserve(&writer->queue, (writer->nqueued + 1) * sizeof(queued_op_t))) {
        return false;
    }
    ((queued_op_t *)writer->queue.data)[writer->nqueued++] = (queued_op_t){.op = op, .run = run};
    writer->runs[run].nops++;
    return true;
}

/* Tells the block of a PLAN_TOUCH its place in the file, unless the slot has had another block in this window. */
static void
place_touch(const plan_writer_t *writer, plan_blocks_t *blocks, size_t position, uint64_t offset) {
    const queued_op_t *queued = (queued_op_t *)writer->queue.data + position;
    plan_block_t *block = blocks_at(blocks, queued->op.slot);
    if (queued->op.kind == PLAN_TOUCH && block->window == writer->nwindows && block->touch_at == position + 1) {
        block->touch_at = offset;
    }
}

/* Copies each run's operations to their place behind the header and the runs. */
static void
distribute(plan_writer_t *writer, plan_blocks_t *blocks, size_t head) {
    size_t next[PLAN_WINDOW_RUNS], n = 0;
    plan_op_t *ops = (plan_op_t *)((char *)writer->out.data + head);
    for (uint32_t i = 0; i < writer->nruns; i++) {
        next[i] = n;
        n += writer->runs[i].nops;
    }
    for (size_t i = 0; i < writer->nqueued; i++) {
        const queued_op_t *queued = (queued_op_t *)writer->queue.data + i;
        size_t at = next[queued->run]++;
        ops[at] = queued->op;
        place_touch(writer, blocks, i, writer->offset + head + at * sizeof(plan_op_t));
    }
}

int
plan_write_window(plan_writer_t *writer, plan_blocks_t *blocks, const plan_window_t *figures) {
    size_t head = sizeof(plan_window_t) + writer->nruns * sizeof(plan_run_t);
    size_t size = head + writer->nqueued * sizeof(plan_op_t);
    if (writer->nruns == 0) {
        return 0;
    }
    if (!growing_reserve(&writer->out, size)) {
        return ENOMEM;
    }
    plan_window_t *window = writer->out.data;
    *window = *figures;
    window->size = size;
    window->nruns = writer->nruns;
    window->starts = writer->starts;
    memcpy(window + 1, writer->runs, writer->nruns * sizeof(plan_run_t));
    distribute(writer, blocks, head);
    int error = write_at(writer->fd, window, size, writer->offset);
    writer->offset += size;
    writer->nwindows++;
    writer->nqueued = 0;
    writer->nruns = 0;
    writer->starts = false;
    return error;
}

/* ---- what is known later ---- */

int
plan_writer_set_touch(plan_writer_t *writer, const plan_block_t *block, uint32_t slot, uint64_t size) {
    if (block->window == writer->nwindows) {
        ((queued_op_t *)writer->queue.data)[block->touch_at - 1].op.size = size & PLAN_SIZE_MASK;
        return 0;
    }
    plan_op_t op = {.slot = slot, .size = size & PLAN_SIZE_MASK, .kind = PLAN_TOUCH};
    return write_at(writer->fd, &op, sizeof(op), block->touch_at);
}

int
plan_writer_finish(plan_writer_t *writer, const plan_head_t *head) {
    static const plan_op_t padding[PLAN_AHEAD];
    int error = write_at(writer->fd, padding, sizeof(padding), writer->offset);
    return error != 0 ? error : write_at(writer->fd, head, sizeof(*head), 0);
}

void
plan_writer_close(plan_writer_t *writer) {
    if (writer->fd >= 0) {
        close(writer->fd);
        writer->fd = -1;
    }
    growing_free(&writer->queue);
    growing_free(&writer->out);
}
