/* verify.c - checks everything that a log holds. */
#include "runtime/log/verify.h"

#include "runtime/log/store_keep.h"
#include "runtime/log/store_read.h"
#include "runtime/wire/record_batch.h"

#include <inttypes.h>

enum { READ_BYTES = 4 << 20, MAX_BATCH_BYTES = 1 << 30 };

typedef struct verifier {
    const verify_options *options;
    store_partition *partition;
    verify_partition sums; /* of it */
    weir_buf bytes, scratch, message, first;
} verifier;

static void problem(verifier *self, int64_t offset, const char *what)
{
    verify_partition *sums = &self->sums;

    weir_buf_clear(&self->message);
    weir_buf_printf(&self->message, "topic %.*s partition %" PRId32 " offset %" PRId64 ": %s",
                    WEIR_ARG(sums->topic), sums->partition, offset, what);
    if (sums->problems++ == 0) {
        weir_buf_clear(&self->first);
        weir_buf_add_str(&self->first, weir_cstr(what));
        sums->problem = weir_buf_cstr(&self->first);
    }
    if (self->options->problem != NULL)
        self->options->problem(self->options->context, weir_buf_cstr(&self->message));
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
        self->sums.records++;
    }
    if (code != WEIR_END)
        return code;
    *next = records.info.last_offset + 1;
    self->sums.batches++;
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

static void check_partition(verifier *self)
{
    verify_partition *sums = &self->sums;
    int64_t at = sums->start_offset;
    store_segment_info segment;
    weir_error err;

    while (at < sums->end_offset && store_segment_at(self->partition, at, &segment)) {
        if (store_verify_segment(self->partition, segment.base_offset, &err) != WEIR_OK)
            problem(self, segment.base_offset, err.message);
        else
            verify_range(self, at, segment.end_offset);
        sums->segments++;
        at = segment.end_offset;
    }
    if (at < sums->end_offset) /* what is not in a segment yet */
        verify_range(self, at, sums->end_offset);
}

static void add(verify_result *result, const verify_partition *sums)
{
    result->partitions++;
    result->segments += sums->segments;
    result->batches += sums->batches;
    result->records += sums->records;
    result->bytes += sums->size_bytes;
    result->problems += sums->problems;
    result->damaged_partitions += sums->problems > 0;
}

static void verify_topic(verifier *self, store_topic *topic, verify_result *result)
{
    const log_topic *info = store_topic_info(topic);

    for (int32_t i = 0; i < info->config.partitions; i++) {
        self->partition = store_partition_at(topic, i);
        self->sums = (verify_partition){.topic = info->name,
                                        .partition = i,
                                        .start_offset = store_start_offset(self->partition),
                                        .end_offset = store_end_offset(self->partition),
                                        .size_bytes = store_size_bytes(self->partition)};
        check_partition(self);
        add(result, &self->sums);
        if (self->options->partition != NULL)
            self->options->partition(self->options->context, &self->sums);
    }
    result->topics++;
}

void verify_log(store *self, const verify_options *options, verify_result *result)
{
    verifier state = {.options = options};
    store_topic *topic = store_topic_next(self, (weir_str){0});

    *result = (verify_result){0};
    for (; topic != NULL; topic = store_topic_next(self, store_topic_info(topic)->name))
        if (options->topic.len == 0 || weir_str_eq(store_topic_info(topic)->name, options->topic))
            verify_topic(&state, topic, result);
    weir_buf_done(&state.bytes);
    weir_buf_done(&state.scratch);
    weir_buf_done(&state.message);
    weir_buf_done(&state.first);
}
