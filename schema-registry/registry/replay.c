/* replay.c - the tables from the log: at the start, and when it is not known what became of a commit. */
#include "runtime/base/diag.h"
#include "schema-registry/registry/registry_state.h"
#include "sdk/src/batch.h"

#include <inttypes.h>

enum { BATCH_BYTES = 1 << 20, WAIT_MS = 1000, WARNINGS_MAX = 20 };

static void apply(registry *self, const weir_record *record, size_t *left_out)
{
    const char *reason;

    if (record->key.ptr == NULL ||
        tables_apply(&self->tables, record->key, record->value, record->timestamp_ms, &reason))
        return;
    if (++*left_out <= WARNINGS_MAX)
        diag(WEIR_WARN, "a record of _schemas at offset %" PRId64 " is left out: %s",
             record->log_offset, reason);
}

static weir_code apply_batches(registry *self, log_reader *reader, int64_t end, weir_error *err)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(BATCH_BYTES);
    size_t left_out = 0;

    while (log_reader_position(reader, REGISTRY_TOPIC, 0) < end) {
        weir_record record = {0};

        batch_clear(batch);
        if (log_read(reader, batch, WAIT_MS, err) != WEIR_OK)
            return err->code;
        while (weir_record_next(batch, &record))
            apply(self, &record, &left_out);
        self->position = log_reader_position(reader, REGISTRY_TOPIC, 0);
    }
    if (left_out > WARNINGS_MAX)
        diag(WEIR_WARN, "%zu records of _schemas were left out", left_out);
    return WEIR_OK;
}

weir_code registry_catch_up(registry *self, weir_error *err)
{
    log_reader *reader;
    weir_code code;
    int64_t end;

    if (log_offset_of(self->backend, REGISTRY_TOPIC, 0, LOG_LATEST, &end, err) != WEIR_OK ||
        log_reader_open(self->backend, &reader, err) != WEIR_OK)
        return err->code;
    code = log_reader_assign(reader, REGISTRY_TOPIC, 0, self->position, err);
    if (code == WEIR_OK) {
        pthread_rwlock_wrlock(&self->lock);
        self->tables.is_unsorted = true;
        code = apply_batches(self, reader, end, err);
        tables_sort(&self->tables);
        pthread_rwlock_unlock(&self->lock);
    }
    log_reader_close(reader);
    return code == WEIR_OK ? code : weir_wrap(err, "reading topic _schemas");
}
