/* compact.c - two passes over the sealed segments: which offset is the last of each key, then the copy.
 *
 * So many keys are known at a time, which bounds memory. When there are more, the first pass ends there, the copy
 * drops what those keys make superfluous, and both go on with the keys that follow, until all of the range was
 * gone through: each round replaces what the one before it made.
 */
#include "runtime/log/compact.h"

#include "runtime/base/diag.h"
#include "runtime/base/plant.h"
#include "runtime/log/store_keep.h"
#include "runtime/log/store_read.h"
#include "runtime/wire/record_batch.h"
#include "weir/map.h"

#include <assert.h>
#include <inttypes.h>

enum {
    READ_BYTES = 1 << 20,
    MAX_BATCH_BYTES = 1 << 30, /* decompressed */
    MAX_KEYS = 1 << 20,
    MAX_KEY_BYTES = 64 << 20, /* of one run together */
    ROLL_BYTES = 4 << 20,     /* internal topics: a start reads what is not compacted */
};

/* A range of sealed segments, and what is known of them. */
typedef struct range {
    int64_t first, end;
    int64_t clean_bytes, dirty_bytes; /* of the first segment, of the others */
    int segment_count;
} range;

typedef struct compaction {
    store_partition *partition;
    range range;
    int64_t now_ms;
    weir_map *last; /* key -> offset + 1, as a pointer */
    size_t key_bytes;
    int64_t from,
        covered; /* last knows all records between them; what is below from had its round */
    store_rewrite *rewrite;
    int64_t removed;
    weir_buf bytes, scratch, out, compress;
} compaction;

static range sealed_range(store_partition *partition)
{
    int64_t start = store_start_offset(partition);
    range found = {.first = -1};
    store_segment_info segment;

    while (store_segment_at(partition, start, &segment) && segment.is_sealed) {
        if (found.first < 0) {
            found.first = segment.base_offset;
            found.clean_bytes = segment.size_bytes;
        } else {
            found.dirty_bytes += segment.size_bytes;
        }
        found.segment_count++;
        found.end = start = segment.end_offset;
    }
    return found;
}

/* --- Walking over batches ------------------------------------------------------------------- */

typedef weir_code visit_batch(compaction *self, weir_str batch, const record_batch_info *info,
                              weir_error *err);

/* Visits every batch of the range, beginning with the one that has `at`. WEIR_END of a visit ends the walk. */
static weir_code walk(compaction *self, int64_t at, visit_batch *visit, weir_error *err)
{
    store_cursor cursor = {0};

    while (at < self->range.end) {
        weir_str rest;

        weir_buf_clear(&self->bytes);
        if (store_read(self->partition, at, READ_BYTES, &cursor, &self->bytes, err) != WEIR_OK)
            return err->code;
        if (self->bytes.len == 0)
            return WEIR_OK;
        for (rest = weir_buf_str(&self->bytes); rest.len > 0;) {
            record_batch_info info;
            weir_code code = record_batch_peek(rest, &info, err);

            if (code == WEIR_OK && info.base_offset >= self->range.end)
                return WEIR_OK;
            if (code == WEIR_OK)
                code = visit(self, (weir_str){rest.ptr, info.size_bytes}, &info, err);
            if (code != WEIR_OK)
                return code == WEIR_END ? WEIR_OK : code;
            rest.ptr += info.size_bytes;
            rest.len -= info.size_bytes;
            at = info.last_offset + 1;
        }
    }
    return WEIR_OK;
}

static bool has_producer(const record_batch_info *info)
{
    return info->is_control || info->is_transactional || info->producer_id >= 0;
}

/* --- First pass: the last offset of each key ------------------------------------------------ */

static weir_code note_keys(compaction *self, weir_str batch, const record_batch_info *info,
                           weir_error *err)
{
    record_iterator records;
    record_view record;
    weir_code code;

    self->covered = info->last_offset + 1;
    if (has_producer(info))
        return WEIR_OK;
    code = record_iterator_begin(&records, batch, &self->scratch, MAX_BATCH_BYTES, err);
    while (code == WEIR_OK && (code = record_iterator_next(&records, &record, err)) == WEIR_OK) {
        if (record.key.ptr == NULL)
            continue;
        if (weir_map_put(self->last, record.key, (void *)(uintptr_t)(record.offset + 1)) == NULL)
            self->key_bytes += record.key.len;
    }
    if (code != WEIR_END)
        return code;
    if (weir_map_count(self->last) >= MAX_KEYS || self->key_bytes >= MAX_KEY_BYTES)
        return WEIR_END; /* the next round knows those that follow */
    return WEIR_OK;
}

/* --- Second pass: the copy ------------------------------------------------------------------ */

static bool stays(const compaction *self, const record_view *record)
{
    uintptr_t last;

    if (record->key.ptr == NULL)
        return true;
    last = (uintptr_t)weir_map_get(self->last, record->key);
    if (last != 0 && (uintptr_t)record->offset + 1 < last)
        return false;
    if (PLANTED(PLANT_LAST_VALUE_DROPPED) && record->offset % 16 == 0)
        return false;
    /* When it is covered, everything older of this key goes, too. */
    return record->value.ptr != NULL || record->offset >= self->covered ||
           record->timestamp_ms >= self->now_ms - COMPACT_DELETE_RETENTION_MS;
}

static void add_record(record_batch_builder *builder, const record_view *record)
{
    record_batch_add(builder, &(record_fields){.timestamp_ms = record->timestamp_ms,
                                               .key = record->key,
                                               .value = record->value,
                                               .coded_headers = record->headers,
                                               .coded_count = record->header_count});
}

/* Ends the batch of a run of neighbours and gives it to the new segment. */
static weir_code end_run(compaction *self, record_batch_builder *builder, int64_t first,
                         record_compression compression, weir_error *err)
{
    if (record_batch_end(builder, compression, &self->compress, err) != WEIR_OK)
        return err->code;
    record_batch_set_base_offset(self->out.ptr, first);
    return store_rewrite_add(self->rewrite, weir_buf_str(&self->out), err);
}

/* Copies what stays: each run of neighbouring offsets becomes a batch of its own. */
static weir_code copy_some(compaction *self, record_iterator *records, weir_error *err)
{
    record_batch_builder builder;
    record_view record;
    int64_t first = -1, next = -1;
    weir_code code;

    while ((code = record_iterator_next(records, &record, err)) == WEIR_OK) {
        if (!stays(self, &record)) {
            self->removed++;
            continue;
        }
        if (first >= 0 && record.offset != next) {
            if (end_run(self, &builder, first, records->info.compression, err) != WEIR_OK)
                return err->code;
            first = -1;
        }
        if (first < 0) {
            weir_buf_clear(&self->out);
            record_batch_begin(&builder, &self->out);
            first = record.offset;
        }
        add_record(&builder, &record);
        next = record.offset + 1;
    }
    if (code == WEIR_END && first >= 0)
        return end_run(self, &builder, first, records->info.compression, err);
    return code == WEIR_END ? WEIR_OK : code;
}

static weir_code copy_batch(compaction *self, weir_str batch, const record_batch_info *info,
                            weir_error *err)
{
    record_iterator records;
    record_view record;
    bool all = true;
    weir_code code = WEIR_OK;

    if (has_producer(info))
        return store_rewrite_add(self->rewrite, batch, err);
    if (record_iterator_begin(&records, batch, &self->scratch, MAX_BATCH_BYTES, err) != WEIR_OK)
        return err->code;
    while (all && (code = record_iterator_next(&records, &record, err)) == WEIR_OK)
        all = stays(self, &record);
    if (all)
        return code == WEIR_END ? store_rewrite_add(self->rewrite, batch, err) : code;
    if (record_iterator_begin(&records, batch, &self->scratch, MAX_BATCH_BYTES, err) != WEIR_OK)
        return err->code;
    return copy_some(self, &records, err);
}

/* --- Deciding ------------------------------------------------------------------------------- */

static weir_code run_round(compaction *self, weir_error *err)
{
    weir_code code = walk(self, self->from, note_keys, err);

    if (code != WEIR_OK || (self->covered == self->from && self->from > self->range.first))
        return code; /* nothing was left for this round */
    if (store_rewrite_begin(self->partition, self->range.first, self->range.end, &self->rewrite,
                            err) != WEIR_OK)
        return err->code;
    code = walk(self, self->range.first, copy_batch, err);
    if (code != WEIR_OK) {
        store_rewrite_abort(self->rewrite);
        return code;
    }
    return store_rewrite_end(self->rewrite, err);
}

static weir_code rewrite_range(compaction *self, weir_error *err)
{
    weir_code code;

    do {
        self->last = weir_map_new();
        self->key_bytes = 0;
        self->from = self->covered;
        code = run_round(self, err);
        weir_map_free(self->last);
    } while (code == WEIR_OK && self->covered > self->from && self->covered < self->range.end);
    return code;
}

weir_code compact_partition(store_partition *partition, int64_t now_ms, int64_t *removed,
                            weir_error *err)
{
    compaction self = {.partition = partition, .range = sealed_range(partition), .now_ms = now_ms};
    weir_code code;

    *removed = 0;
    if (self.range.segment_count == 0)
        return WEIR_OK;
    self.covered = self.range.first;
    code = rewrite_range(&self, err);
    weir_buf_done(&self.bytes);
    weir_buf_done(&self.scratch);
    weir_buf_done(&self.out);
    weir_buf_done(&self.compress);
    *removed = self.removed;
    return code;
}

/* Small segments, so that little is left that a start has to read through. */
static void roll_when_large(store_partition *partition)
{
    int64_t end = store_end_offset(partition);
    store_segment_info segment;

    if (end > 0 && store_segment_at(partition, end - 1, &segment) && !segment.is_sealed &&
        segment.size_bytes >= ROLL_BYTES)
        store_roll(partition);
}

void compact_run(store *self, int64_t now_ms)
{
    store_topic *topic = store_topic_next(self, (weir_str){0});

    for (; topic != NULL; topic = store_topic_next(self, store_topic_info(topic)->name)) {
        const log_topic *info = store_topic_info(topic);

        if (!info->config.compact)
            continue;
        for (int32_t i = 0; i < info->config.partitions; i++) {
            store_partition *partition = store_partition_at(topic, i);
            range sealed = sealed_range(partition);
            int64_t removed;
            weir_error err;

            roll_when_large(partition);
            if (sealed.segment_count >= 2 && sealed.dirty_bytes >= sealed.clean_bytes / 2 &&
                compact_partition(partition, now_ms, &removed, &err) != WEIR_OK)
                diag_with(WEIR_WARN,
                          (diag_pair[]){{"topic", info->name}, {"reason", weir_cstr(err.message)}},
                          2, "a topic could not be compacted");
        }
    }
}
