/* progress.h - what `weir run` shows while it runs.
 *
 * It is given rows from time to time, one for each connector, and turns them into text: on a terminal, a
 * block of lines that is drawn over the last one; in a pipe, a line when a connector's state or phase has
 * changed, and one for each connector that moved every PROGRESS_PIPE_MS. Rates are those since the row
 * that is about 3 s old.
 *
 * Pure: no clock, no output of its own. Belongs to one thread.
 */
#ifndef RUNTIME_CLI_PROGRESS_H
#define RUNTIME_CLI_PROGRESS_H

#include "weir/buf.h"

#define PROGRESS_PIPE_MS 5000
#define PROGRESS_JSON    (-1) /* for columns: a line is a JSON object, in a pipe or not */

typedef struct progress_row {
    weir_str connector;
    bool is_sink;
    weir_str state;                  /* "RUNNING" */
    weir_str phase;                  /* "snapshot of public.orders"; may be empty */
    int64_t done_count, total_count; /* of the phase; total 0: not known */
    int64_t record_count;            /* read by a source, written by a sink, since the start */
    int64_t lag_count;               /* records a sink is behind; -1: not known */
    weir_str error;                  /* why it failed; may be empty */
} progress_row;

typedef struct progress progress;

/* columns 0: not a terminal. */
progress *progress_new(int columns);
/* The size of the terminal, which may have changed: no line is longer than columns, no block higher than rows. 0:
 * not known. */
void progress_resize(progress *self, int columns, int rows);
/* Somebody else has written to the terminal: the next block begins where the cursor is, and not over the last. */
void progress_interrupted(progress *self);
void progress_free(progress *self);

/* Adds to out what is to be written now; nothing when there is nothing new. is_last: there is no later
 * time, so that what moved since the last line is told whatever its age. */
void progress_update(progress *self, const progress_row *rows, size_t count, int64_t now_ms,
                     bool is_last, weir_buf *out);

/* "1,234,567" */
void progress_add_count(weir_buf *out, int64_t count);

#endif
