/* replay.c - reading a topic from its beginning to its end. */
#include "runtime/log/replay.h"

#include "sdk/src/batch.h"

enum { REPLAY_BATCH_BYTES = 1 << 20, REPLAY_WAIT_MS = 1000 };

static weir_code replay_batches(log_reader *reader, weir_str topic, int64_t end,
                                weir_code (*each)(void *, weir_str, weir_str, weir_error *),
                                void *context, weir_error *err)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(REPLAY_BATCH_BYTES);

    while (log_reader_position(reader, topic, 0) < end) {
        weir_record record = {0};

        batch_clear(batch);
        if (log_read(reader, batch, REPLAY_WAIT_MS, err) != WEIR_OK)
            return err->code;
        while (weir_record_next(batch, &record))
            if (each(context, record.key, record.value, err) != WEIR_OK)
                return err->code;
    }
    return WEIR_OK;
}

weir_code log_replay(log *backend, weir_str topic,
                     weir_code (*each)(void *, weir_str, weir_str, weir_error *), void *context,
                     weir_error *err)
{
    int64_t start, end;
    log_reader *reader;
    weir_code code;

    if (log_offset_of(backend, topic, 0, LOG_EARLIEST, &start, err) != WEIR_OK ||
        log_offset_of(backend, topic, 0, LOG_LATEST, &end, err) != WEIR_OK ||
        log_reader_open(backend, &reader, err) != WEIR_OK)
        return err->code;
    code = log_reader_assign(reader, topic, 0, start, err);
    if (code == WEIR_OK)
        code = replay_batches(reader, topic, end, each, context, err);
    log_reader_close(reader);
    return code == WEIR_OK ? code : weir_wrap(err, "reading topic %.*s", WEIR_ARG(topic));
}
