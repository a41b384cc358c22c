/* verify.c - checks everything that a log holds. */
#include "runtime/log/verify.h"

#include "runtime/log/store_keep.h"
#include "runtime/log/store_read.h"
#include "runtime/wire/record_batch.h"

#include <inttypes.h>

enum { READ_BYTES = 4 << 20, MAX_BATCH_BYTES = 1 << 30 };

typedef struct verifier {
    store_partition *partition;
    void (*report)(void *, const char *);
    void *context;
    verify_result *result;
    weir_buf bytes, scratch, message;
} verifier;

static void problem(verifier *self, int64_t offset, const char *what)
{
    const log_topic *topic = store_topic_info(store_partition_topic(self->partition));

    weir_buf_clear(&self->message);
    weir_buf_printf(&self->message, "topic %.*s partition %" PRId32 " offset %" PRId64 ": %s",
                    WEIR_ARG(topic->name), store_partition_number(self->partition), offset, what);
    self->result->problems++;
    self->report(self->context, weir_buf_cstr(&self->message));
}

/* Steps through a batch's records; next is where the following offset may begin. */
static weir_code verify_batch(verifier *self, weir_str batch, int64_t *next, weir_error *err)
{
    record_iterator records;
    record_view record;
    weir_code code;

    if (record_batch_check(batch, err) != WEIR_OK ||
        record_iterator_begin(&records, batch, &self->scratch, MAX_BATCH_BYTES, err) != WEIR_OK)
        return err->code;
    while ((code = record_iterator_next(&records, &record, err)) == WEIR_OK) {
        if (record.offset < *next)
            return weir_fail(err, WEIR_REJECT, "offset %" PRId64 " comes after %" PRId64,
                             record.offset, *next - 1);
        *next = record.offset + 1;
        self->result->records++;
    }
    if (code != WEIR_END)
        return code;
    *next = records.info.last_offset + 1;
    self->result->batches++;
    self->result->bytes += (int64_t)batch.len;
    return WEIR_OK;
}

static weir_code verify_batches(verifier *self, int64_t *next, int64_t end, weir_error *err)
{
    weir_str rest = weir_buf_str(&self->bytes);

    while (rest.len > 0) {
        record_batch_info info;

        if (record_batch_peek(rest, &info, err) != WEIR_OK)
            return err->code;
        if (info.base_offset >= end)
            return WEIR_OK;
        if (verify_batch(self, (weir_str){rest.ptr, info.size_bytes}, next, err) != WEIR_OK)
            return err->code;
        rest.ptr += info.size_bytes;
        rest.len -= info.size_bytes;
    }
    return WEIR_OK;
}

/* Reads [from, end). */
static void verify_range(verifier *self, int64_t from, int64_t end)
{
    store_cursor cursor = {0};
    weir_error err;

    while (from < end) {
        int64_t before = from;

        weir_buf_clear(&self->bytes);
        if (store_read(self->partition, from, READ_BYTES, &cursor, &self->bytes, &err) != WEIR_OK ||
            verify_batches(self, &from, end, &err) != WEIR_OK) {
            problem(self, from, err.message);
            return;
        }
        if (from == before) /* a gap up to the end */
            return;
    }
}

static void verify_partition(verifier *self)
{
    int64_t at = store_start_offset(self->partition), end = store_end_offset(self->partition);
    store_segment_info segment;
    weir_error err;

    while (at < end && store_segment_at(self->partition, at, &segment)) {
        if (store_verify_segment(self->partition, segment.base_offset, &err) != WEIR_OK)
            problem(self, segment.base_offset, err.message);
        else
            verify_range(self, at, segment.end_offset);
        self->result->segments++;
        at = segment.end_offset;
    }
    if (at < end) /* what is not in a segment yet */
        verify_range(self, at, end);
    self->result->partitions++;
}

void verify_log(store *self, void (*report)(void *, const char *), void *context,
                verify_result *result)
{
    verifier state = {.report = report, .context = context, .result = result};
    store_topic *topic = store_topic_next(self, (weir_str){0});

    *result = (verify_result){0};
    for (; topic != NULL; topic = store_topic_next(self, store_topic_info(topic)->name)) {
        for (int32_t i = 0; i < store_topic_info(topic)->config.partitions; i++) {
            state.partition = store_partition_at(topic, i);
            verify_partition(&state);
        }
        result->topics++;
    }
    weir_buf_done(&state.bytes);
    weir_buf_done(&state.scratch);
    weir_buf_done(&state.message);
}
