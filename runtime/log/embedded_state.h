/* embedded_state.h - what the parts of the embedded log share. */
#ifndef RUNTIME_LOG_EMBEDDED_STATE_H
#define RUNTIME_LOG_EMBEDDED_STATE_H

#include "runtime/log/embedded.h"
#include "runtime/log/store_keep.h"
#include "weir/map.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct embedded {
    log base;
    store *store;
    bool is_manual;
    atomic_bool retention_runs;
    pthread_mutex_t lock; /* guards writers; taken before a writer's own */
    weir_map *writers;    /* id -> the newest embedded_writer of it */
} embedded;

static inline embedded *embedded_of(log *base)
{
    return (embedded *)base;
}

/* embedded_writer.c */
WEIR_MUST_CHECK weir_code embedded_writer_open(log *base, weir_str id, log_writer **out,
                                               weir_error *err);
void embedded_writer_close(log_writer *base);
WEIR_MUST_CHECK weir_code embedded_writer_add(log_writer *base, const log_record *record,
                                              weir_error *err);
size_t embedded_writer_bytes(const log_writer *base);
void embedded_writer_discard(log_writer *base);
log_ticket embedded_writer_commit(log_writer *base);
log_outcome embedded_writer_wait(log_writer *base, log_ticket ticket, int timeout_ms,
                                 weir_error *err);
bool embedded_writer_is_full(log_writer *base, weir_buf *reason);
void embedded_writer_give_up(log_writer *base);
void embedded_writer_wake(log_writer *base);

/* embedded_reader.c */
WEIR_MUST_CHECK weir_code embedded_reader_open(log *base, log_reader **out, weir_error *err);
void embedded_reader_close(log_reader *base);
WEIR_MUST_CHECK weir_code embedded_reader_assign(log_reader *base, weir_str topic,
                                                 int32_t partition, int64_t offset,
                                                 weir_error *err);
void embedded_reader_revoke(log_reader *base, weir_str topic, int32_t partition);
WEIR_MUST_CHECK weir_code embedded_reader_read(log_reader *base, weir_batch *batch, int timeout_ms,
                                               weir_error *err);
int64_t embedded_reader_position(log_reader *base, weir_str topic, int32_t partition);
void embedded_reader_wake(log_reader *base);

/* The table that writers and readers begin with. */
extern const log_ops EMBEDDED_OPS;

/* A partition by name. WEIR_FATAL when there is none. */
WEIR_MUST_CHECK weir_code embedded_partition(embedded *self, weir_str topic, int32_t partition,
                                             store_partition **out, weir_error *err);

#endif
