/* embedded_reader.c - raw batches of a reader's partitions into batches of records.
 *
 * Every partition has a buffer of raw batches that were read ahead, and an iterator into it. Partitions
 * take turns; a record that does not fit into the caller's batch is kept for the next call.
 */
#include "runtime/base/mem.h"
#include "runtime/log/embedded_state.h"
#include "runtime/log/store_read.h"
#include "runtime/log/store_work.h"
#include "runtime/wire/record_batch.h"
#include "sdk/src/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ_BYTES = 256 << 10,
    TURN_BYTES = 128 << 10, /* of one partition, before the next one has its turn */
    MAX_DECOMPRESSED_BYTES = (1 << 30) + (64 << 20),
};

typedef struct reader_partition {
    store_partition *partition;
    weir_str topic;
    int32_t number;
    int64_t next_offset; /* of the record that comes next */
    int64_t read_offset; /* where the store is read next */
    store_cursor cursor;
    weir_buf bytes;   /* raw batches that were read ahead */
    size_t used;      /* bytes of those that were gone through */
    weir_buf scratch; /* of the compressed batch being gone through */
    record_iterator records;
    bool is_inside;   /* records is in use */
    record_view kept; /* did not fit */
    bool has_kept;
} reader_partition;

typedef struct embedded_reader {
    log_reader base;
    embedded *owner;
    store_watch *watch;
    weir_buf partitions; /* of reader_partition * */
    size_t turn;
    atomic_bool is_woken;
} embedded_reader;

static embedded_reader *reader_of_log(log_reader *base)
{
    return (embedded_reader *)base;
}

static size_t partition_count(const embedded_reader *reader)
{
    return reader->partitions.len / sizeof(reader_partition *);
}

static reader_partition *partition_at(const embedded_reader *reader, size_t i)
{
    reader_partition *found;

    assert(i < partition_count(reader));
    memcpy(&found, reader->partitions.ptr + i * sizeof(found), sizeof(found));
    return found;
}

static reader_partition *find(const embedded_reader *reader, weir_str topic, int32_t partition,
                              size_t *at)
{
    for (size_t i = 0; i < partition_count(reader); i++) {
        reader_partition *found = partition_at(reader, i);

        if (found->number == partition && weir_str_eq(found->topic, topic)) {
            *at = i;
            return found;
        }
    }
    return NULL;
}

weir_code embedded_reader_open(log *base, log_reader **out, weir_error *err)
{
    embedded_reader *opened = mem_zalloc(1, sizeof(*opened));

    (void)err; /* cannot fail here; reading from a cluster can */
    opened->base.ops = &EMBEDDED_OPS;
    opened->owner = embedded_of(base);
    opened->watch = store_watch_new(opened->owner->store);
    *out = &opened->base;
    return WEIR_OK;
}

static void drop(embedded_reader *reader, size_t i)
{
    reader_partition *dropped = partition_at(reader, i);
    char *at = reader->partitions.ptr + i * sizeof(dropped);

    store_watch_remove(reader->watch, dropped->partition);
    weir_buf_done(&dropped->bytes);
    weir_buf_done(&dropped->scratch);
    free(dropped);
    reader->partitions.len -= sizeof(dropped);
    memmove(at, at + sizeof(dropped), reader->partitions.len - i * sizeof(dropped));
}

void embedded_reader_close(log_reader *base)
{
    embedded_reader *reader = (embedded_reader *)base;

    if (reader == NULL)
        return;
    while (partition_count(reader) > 0)
        drop(reader, partition_count(reader) - 1);
    weir_buf_done(&reader->partitions);
    store_watch_free(reader->watch);
    free(reader);
}

weir_code embedded_reader_assign(log_reader *base, weir_str topic, int32_t partition,
                                 int64_t offset, weir_error *err)
{
    embedded_reader *reader = reader_of_log(base);
    store_partition *found;
    reader_partition *added;
    int64_t start, end;

    if (embedded_partition(reader->owner, topic, partition, &found, err) != WEIR_OK)
        return err->code;
    start = store_start_offset(found);
    end = store_end_offset(found);
    if (offset < start || offset > end)
        return weir_fail(err, WEIR_FATAL,
                         "offset %lld of topic %.*s partition %d is not there (any more): it has "
                         "%lld to below %lld",
                         (long long)offset, WEIR_ARG(topic), partition, (long long)start,
                         (long long)end);
    embedded_reader_revoke(base, topic, partition);
    added = mem_zalloc(1, sizeof(*added));
    added->partition = found;
    added->topic = store_topic_info(store_partition_topic(found))->name;
    added->number = partition;
    added->next_offset = added->read_offset = offset;
    weir_buf_add(&reader->partitions, &added, sizeof(added));
    store_watch_add(reader->watch, found);
    return WEIR_OK;
}

void embedded_reader_revoke(log_reader *base, weir_str topic, int32_t partition)
{
    embedded_reader *reader = reader_of_log(base);
    size_t i;

    if (find(reader, topic, partition, &i) != NULL)
        drop(reader, i);
}

/* More raw batches, when all that were read ahead are used. False: there are none. */
static weir_code read_ahead(reader_partition *from, bool *any, weir_error *err)
{
    weir_code code;

    *any = from->used < from->bytes.len;
    if (*any)
        return WEIR_OK;
    weir_buf_clear(&from->bytes);
    from->used = 0;
    code = store_read(from->partition, from->read_offset, READ_BYTES, &from->cursor, &from->bytes,
                      err);
    if (code == WEIR_REJECT && store_partition_topic(from->partition)->is_deleted)
        return WEIR_OK;        /* nothing comes any more; the owner sees it in the list of topics */
    if (code == WEIR_REJECT) { /* retention went past it */
        err->code = WEIR_FATAL;
        return weir_wrap(err, "the position of a reader is lost");
    }
    *any = from->bytes.len > 0;
    if (*any)
        from->read_offset = from->cursor.offset;
    else
        weir_buf_done(&from->bytes); /* idle readers keep no memory */
    return code;
}

static void leave_batch(reader_partition *from)
{
    from->is_inside = false;
    from->used += from->records.info.size_bytes;
    from->next_offset = from->records.info.last_offset + 1;
}

/* Goes into the next batch; *any false: there is none now. */
static weir_code enter_batch(reader_partition *from, bool *any, weir_error *err)
{
    weir_str rest;

    if (read_ahead(from, any, err) != WEIR_OK)
        return err->code;
    if (!*any)
        return WEIR_OK;
    rest = (weir_str){from->bytes.ptr + from->used, from->bytes.len - from->used};
    if (record_iterator_begin(&from->records, rest, &from->scratch, MAX_DECOMPRESSED_BYTES, err) !=
        WEIR_OK)
        return err->code = WEIR_FATAL;
    from->is_inside = true;
    if (from->records.info.is_control) /* markers are not records */
        leave_batch(from);
    return WEIR_OK;
}

/* The next record; *any false: there is none now. */
static weir_code next_record(reader_partition *from, record_view *record, bool *any,
                             weir_error *err)
{
    *any = true;
    for (;;) {
        weir_code code = WEIR_END;

        if (from->is_inside)
            code = record_iterator_next(&from->records, record, err);
        if (code == WEIR_OK && record->offset < from->next_offset)
            continue;
        if (code == WEIR_OK)
            return WEIR_OK;
        if (code != WEIR_END) {
            from->is_inside = false; /* the next call goes in again, and ends here again */
            return code == WEIR_REJECT ? (err->code = WEIR_FATAL) : code;
        }
        if (from->is_inside)
            leave_batch(from);
        if (enter_batch(from, any, err) != WEIR_OK)
            return err->code;
        if (!*any)
            return WEIR_OK;
    }
}

/* Adds records of one partition, for one turn. *is_full: the next one does not fit. */
static weir_code fill(reader_partition *from, weir_batch *batch, bool *any, bool *is_full,
                      weir_error *err)
{
    size_t limit = batch_bytes(batch) + TURN_BYTES;
    uint32_t topic = 0;
    bool has_topic = false;

    *any = true;
    while (batch_bytes(batch) < limit) {
        batch_log_record added = {.partition = from->number};

        if (!from->has_kept && next_record(from, &from->kept, any, err) != WEIR_OK)
            return weir_wrap(err, "reading topic %.*s partition %d", WEIR_ARG(from->topic),
                             from->number);
        if (!from->has_kept && !*any)
            return WEIR_OK;
        from->has_kept = true;
        if (!has_topic)
            topic = batch_topic(batch, from->topic);
        has_topic = true;
        added.topic = topic;
        added.offset = from->kept.offset;
        added.timestamp_ms = from->kept.timestamp_ms;
        added.key = from->kept.key;
        added.value = from->kept.value;
        added.headers = from->kept.headers;
        added.header_count = from->kept.header_count;
        *is_full = !batch_add_log_record(batch, &added);
        if (*is_full)
            return WEIR_OK;
        from->has_kept = false;
        from->next_offset = from->kept.offset + 1;
    }
    return WEIR_OK;
}

/* Turns until the batch is full or nobody has anything left. */
static weir_code fill_all(embedded_reader *reader, weir_batch *batch, weir_error *err)
{
    size_t count = partition_count(reader), idle = 0;
    bool is_full = false;

    while (idle < count && !is_full) {
        reader_partition *from = partition_at(reader, reader->turn++ % count);
        bool any;

        if (fill(from, batch, &any, &is_full, err) != WEIR_OK)
            return err->code;
        idle = any ? 0 : idle + 1;
    }
    return WEIR_OK;
}

weir_code embedded_reader_read(log_reader *base, weir_batch *batch, int timeout_ms, weir_error *err)
{
    embedded_reader *reader = reader_of_log(base);

    clock_source *clock = clock_system(); /* waiting is in real time */
    int64_t deadline_ms = clock_mono_ms(clock) + timeout_ms;

    assert(batch_count(batch) == 0);
    for (;;) {
        int64_t left_ms;

        if (fill_all(reader, batch, err) != WEIR_OK)
            return batch_count(batch) > 0 ? WEIR_OK : err->code; /* the next call has it again */
        left_ms = timeout_ms > 0 ? deadline_ms - clock_mono_ms(clock) : 0;
        if (batch_count(batch) > 0 || left_ms <= 0 || atomic_exchange(&reader->is_woken, false))
            return WEIR_OK;
        if (!store_watch_wait(reader->watch, (int)left_ms) && reader->owner->is_manual)
            return WEIR_OK;
    }
}

int64_t embedded_reader_position(log_reader *base, weir_str topic, int32_t partition)
{
    size_t i;
    const reader_partition *found = find(reader_of_log(base), topic, partition, &i);

    return found != NULL ? found->next_offset : -1;
}

void embedded_reader_wake(log_reader *base)
{
    embedded_reader *reader = reader_of_log(base);

    atomic_store(&reader->is_woken, true);
    store_watch_wake(reader->watch);
}
